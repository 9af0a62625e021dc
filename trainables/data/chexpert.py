"""The layout of CheXpert, full (`CheXpert-v1.0`) or small (`CheXpert-v1.0-small`).

    <root>/train.csv                           Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,...,Support Devices
    <root>/valid.csv                           one of the two is enough; test.csv is read where it is there
    <root>/train/patient00001/study1/view1_frontal.jpg
    <root>/valid/patient64541/study1/view1_frontal.jpg

A path in a CSV file begins with the published name of the root, `CheXpert-v1.0-small/train/...`, whatever the root is
called here. A label is 1.0, 0.0, -1.0 (uncertain) or empty (not mentioned). Sex and age are not read.

The radiologists' `valid` (and `test`, where it is there) is what results are reported on; val and calib are shared out of
`train`, by patient.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from trainables.data.csv_rows import CsvRow, csv_header, csv_rows, require_columns
from trainables.data.listing import Listing, Row
from trainables.data.named import NamedImages, RowFault, label_names, mark
from trainables.data.problems import DataProblem
from trainables.data.selection import keep
from trainables.spec import CHEXPERT_LABELS, Chexpert

EXPECTED = (
    "train.csv and valid.csv with the columns 'Path' and CheXpert's labels, and the images at "
    "train/patient00001/study1/view1_frontal.jpg and so on"
)
SPLITS = ("train", "valid", "test")
PATH, VIEW = "Path", "Frontal/Lateral"
_VISIT = re.compile(r"(?:.*/)?(patient[^/]+)/(study[^/]+)/[^/]+")


def matches(root: Path) -> bool:
    """Whether a folder has a `train.csv` or `valid.csv` with labels of CheXpert's, or images in its folders."""
    return any((root / f"{split}.csv").is_file() and _is_ours(root, split) for split in ("train", "valid"))


def list_files(root: Path, spec: Chexpert, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images that the CSV files name.

    Args:
        root: the folder with the CSV files.
        spec: names the labels that are read.
        renamed: class by CheXpert's name of a label.

    Raises:
        DataProblem: a CSV file that cannot be read, lacks a needed column or names no image, or two labels under one name.
    """
    classes = label_names(root, spec.labels, renamed or {})
    named = NamedImages(root)
    for split in SPLITS:
        file = root / f"{split}.csv"
        if file.is_file():
            _read(file, split, spec, named)
    return named.listing(classes)


def select(listing: Listing, spec: Chexpert) -> Listing:
    """Keep the images of one view, if asked for.

    Raises:
        DataProblem: no image is known to have it.
    """
    if spec.view == "all":
        return listing
    rows = [row for row, view in enumerate(listing.views) if view == spec.view]
    if len(listing) and not rows:
        raise DataProblem(
            f"{listing.root}: no image is known to be {spec.view}; the column {VIEW!r} or the names of the files tell it. Add "
            "the column, or use all images (data/view=all).",
            "missing_column",
            listing.root,
        )
    said = f"Only {spec.view} images are used (data/view); {len(listing) - len(rows)} others are left out."
    return keep(listing, rows, said)


def _is_ours(root: Path, split: str) -> bool:
    try:
        header = csv_header(root / f"{split}.csv")
        if PATH in header and set(header) & set(CHEXPERT_LABELS):
            return True
    except DataProblem:
        pass  # a broken file beside images of CheXpert's is read, so that its fault is said
    try:
        with os.scandir(root / split) as entries:
            return any(entry.name.startswith("patient") for entry in entries)
    except OSError:
        return False


def _read(file: Path, split: str, spec: Chexpert, named: NamedImages) -> None:
    header = csv_header(file)
    require_columns(file, header, (PATH,))
    require_columns(file, header, spec.labels, "Leave it out of data/labels, or add the column.")
    seen = (VIEW,) if VIEW in header else ()
    for row in csv_rows(file, (PATH, *spec.labels, *seen)):
        try:
            named.add(_row(row, split, spec, named), file, row.line)
        except RowFault as fault:
            named.fault(fault, file, row.line)


def _row(row: CsvRow, split: str, spec: Chexpert, named: NamedImages) -> Row:
    path, *cells = row.cells
    relative = path.replace("\\", "/").partition("/")[0] in SPLITS
    image_id = named.image_at(path, drop_first=not relative)
    if row.fault is not None:
        raise RowFault(f"{row.fault}, so that its labels may be another's. Mend the row.", "unreadable", image_id)
    visit = _VISIT.fullmatch(image_id)
    if visit is None:
        raise RowFault(
            f"the path {path!r} names no patient and study, and images of a patient must stay together. Write it as "
            f"{split}/patient00001/study1/view1_frontal.jpg.",
            "patient",
            image_id,
        )
    target = tuple(mark(name, cell, image_id) for name, cell in zip(spec.labels, cells, strict=False))
    return Row(
        image_id,
        target,
        patient=visit[1],
        study=f"{split}/{visit[1]}/{visit[2]}",
        split=split,
        view=_view(cells[len(spec.labels)] if len(cells) > len(spec.labels) else "", image_id),
    )


def _view(cell: str, image_id: str) -> str | None:
    """The view by its column; by the name of the file where there is none."""
    said = (cell, image_id.rpartition("/")[2])[not cell].lower()
    return next((view for view in ("frontal", "lateral") if view in said), None)
