"""Everything that is wrong with a data set as it lies on disk, found before any GPU time is spent."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.decode_all import Progress, decode_all
from trainables.data.layouts import LAYOUTS, detect, require_layout
from trainables.data.listing import BLANK, UNCERTAIN, Listing
from trainables.data.pairs import doubles, patients_in_two_splits
from trainables.data.patients import with_patients
from trainables.data.problems import DataProblem, as_plain
from trainables.data.readers import archive_of
from trainables.data.stored import DIGESTS, DUPLICATES
from trainables.data.tabulate import among, equal_pictures, without
from trainables.spec import CHEXPERT_LABELS, Chexpert, FileSpec, ImageTable

SIDE = 64
"""Images are decoded to this side: enough to see that they can be, and to compare them."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a data set holds and what is wrong with it.

    Attributes:
        layout: name of its layout.
        root: its folder.
        images: images that it names, before any filter.
        classes: images by class; empty with several labels an image.
        labels: for every label the images where it is `1`, `0`, `-1` (uncertain) and `blank`.
        splits: images by the data set's own name of their split.
        patients: how many there are, None where unknown.
        problems: each with its kind, file, row and what to do.
        remarks: what the loader had to say beside that.
    """

    layout: str
    root: Path
    images: int
    classes: dict[str, int]
    labels: dict[str, dict[str, int]]
    splits: dict[str, int]
    patients: int | None
    problems: tuple[DataProblem, ...]
    remarks: tuple[str, ...] = ()


def check(
    place: Path,
    *,
    layout: str | None = None,
    labels: Sequence[str] = (),
    patients: Path | None = None,
    near_duplicates: bool = False,
    on_progress: Progress | None = None,
) -> Check:
    """Read every file of a data set and report what is there.

    Args:
        place: the data folder, or the file that is the data set.
        layout: its layout, None to find out.
        labels: columns with the labels, for tables.
        patients: CSV that names the patient of each image.
        near_duplicates: look for images that are nearly the same, too.
        on_progress: called with the images done and the images there are.

    Raises:
        DataProblem: there is no data set, or none of that layout.
    """
    name = layout or detect(place) or _no_layout(place)
    if name not in LAYOUTS:
        raise DataProblem(f"--layout {name}: there are {', '.join(LAYOUTS)}.", "layout")
    root = require_layout(place, name)
    try:
        listing = _listed(root, name, labels)
        listing = listing if patients is None else with_patients(listing, patients)
    except DataProblem as problem:  # it has the layout, and cannot be read
        return Check(
            layout=name, root=root, images=0, classes={}, labels={}, splits={}, patients=None, problems=(problem,)
        )
    bad, digests, alike = _decoded(listing, near_duplicates, on_progress)
    good = without(listing, bad)
    rows = {name: row for row, name in enumerate(listing.image_ids)}
    found = [
        *listing.problems,
        *_with_lines(bad, listing),
        *doubles(good, among(good, rows, equal_pictures(digests))),
        *(doubles(good, among(good, rows, alike), near=True) if near_duplicates else ()),
        *patients_in_two_splits(good),
    ]
    return Check(
        layout=name,
        root=root,
        images=listing.named,
        classes={} if listing.multilabel else listing.counts(),
        labels=_label_counts(listing) if listing.multilabel else {},
        splits=dict(Counter(split for split in listing.official if split)),
        patients=len(set(listing.patients) - {None}) or None,
        problems=tuple(found),
        remarks=listing.remarks,
    )


def _no_layout(place: Path) -> str:
    if not place.exists():
        raise DataProblem(f"{place}: there is no such folder. Check the path.", "missing", place)
    known = "; ".join(f"{name}: {layout.expected}" for name, layout in LAYOUTS.items())
    raise DataProblem(
        f"{place}: no data set is found here. The layouts are {known}. Check the path, and that the archive was unpacked "
        "whole.",
        "layout",
        place,
    )


def _listed(root: Path, name: str, labels: Sequence[str]) -> Listing:
    """List with every label that there is, as far as the layout names them."""
    layout = LAYOUTS[name]
    spec: FileSpec = layout.spec()
    if isinstance(spec, ImageTable) and labels:
        spec = replace(spec, labels=tuple(labels))
    if isinstance(spec, Chexpert):
        try:
            return layout.list_files(root, Chexpert(labels=CHEXPERT_LABELS, uncertain=("zeros",)), {})
        except DataProblem as problem:
            if problem.kind != "missing_column":
                raise
    return layout.list_files(root, spec, {})


def _decoded(
    listing: Listing, near: bool, on_progress: Progress | None
) -> tuple[list[DataProblem], NDArray[np.uint8], NDArray[np.int64]]:
    """What is wrong with the pixels, a digest of every picture, and the clusters of near-duplicates."""
    with tempfile.TemporaryDirectory(prefix="data-check-") as made:
        folder = Path(made)
        archive = archive_of(listing) if len(listing) else None
        bad: list[DataProblem] = [
            *decode_all(listing, listing.native_size or SIDE, folder, on_progress, archive=archive, alike=near)
        ]
        return bad, np.load(folder / DIGESTS), np.load(folder / DUPLICATES)


def _with_lines(problems: Sequence[DataProblem], listing: Listing) -> list[DataProblem]:
    """The same problems with the line of the label file that names each image."""
    lines = {str(listing.root / name): line for name, line in zip(listing.image_ids, listing.lines, strict=True)}
    return [type(each)(each.message, each.kind, each.path, lines.get(str(each.path))) for each in problems]


def _label_counts(listing: Listing) -> dict[str, dict[str, int]]:
    marks = {"1": 1, "0": 0, "-1": UNCERTAIN, "blank": BLANK}
    return {
        label: {told: int((listing.targets[:, n] == mark).sum()) for told, mark in marks.items()}
        for n, label in enumerate(listing.classes)
    }


def to_plain(found: Check) -> dict[str, Any]:
    """As the JSON of `data check`."""
    return {
        "layout": found.layout,
        "folder": str(found.root),
        "images": found.images,
        "classes": found.classes,
        "labels": found.labels,
        "splits": found.splits,
        "patients": found.patients,
        "problems": [as_plain(problem, found.root) for problem in found.problems],
        "remarks": list(found.remarks),
        "ok": not found.problems,
    }
