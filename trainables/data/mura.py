"""The layout of MURA v1.1.

    <root>/train_image_paths.csv        MURA-v1.1/train/XR_HAND/patient00001/study1_positive/image1.png
    <root>/train_labeled_studies.csv    MURA-v1.1/train/XR_HAND/patient00001/study1_positive/,1
    <root>/valid_image_paths.csv        (the same for valid; one of the two will do)
    <root>/train/XR_HAND/patient00001/study1_positive/image1.png

No file has a header. Paths begin with the name that the data folder once had; it may have another today. Seven body parts
are published; other folders called XR_... are body parts too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Set
from pathlib import Path

from trainables.data.csv_lines import Line, lines_of
from trainables.data.listing import Listing, Row
from trainables.data.mura_labels import CLASSES, Verdict, abnormality, verdicts_of
from trainables.data.named_files import Named, file_fault, files_below, unnamed
from trainables.data.paths import normal_path
from trainables.data.problems import DataProblem
from trainables.data.selection import down_sample, keep
from trainables.data.wording import quoted
from trainables.spec import Mura

PARTS = ("XR_ELBOW", "XR_FINGER", "XR_FOREARM", "XR_HAND", "XR_HUMERUS", "XR_SHOULDER", "XR_WRIST")
SPLITS = ("train", "valid")
EXPECTED = (
    "train_image_paths.csv or valid_image_paths.csv, with paths such as "
    "MURA-v1.1/train/XR_HAND/patient00001/study1_positive/image1.png, beside the folders train and valid"
)

_LEVELS = ("split", "part", "patient", "study", "image")
_EXAMPLE = "it as 'MURA-v1.1/{}/XR_HAND/patient00001/study1_positive/image1.png'"
_NUMBER = re.compile("[0-9]+")


def matches(root: Path) -> bool:
    """Whether a folder has a list of images as MURA has it."""
    return any(os.path.isfile(_list_of(root, split)) for split in SPLITS)


def list_files(root: Path, spec: Mura, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images that a folder in this layout names.

    Args:
        root: the data folder, whatever it is called.
        spec: says which label the classes are.
        renamed: class by name of a body part's folder; these folders are legal whatever they are called.

    Raises:
        DataProblem: a list that is empty or no CSV.
    """
    named, remarks = Named(), list[str]()
    plain = files_below(root, SPLITS)
    for split in SPLITS:
        if os.path.isfile(_list_of(root, split)):
            remarks += _add_split(named, root, split, spec, plain, renamed or {})
    remarks += unnamed(plain, named, "the lists of images")
    return named.listing(root, CLASSES if spec.label == "abnormality" else _in_order(named.classes()), remarks)


def select(listing: Listing, spec: Mura) -> Listing:
    """Keep the first image of each study and down-sample, where asked for."""
    if spec.first_image_only:
        listing = _first_images(listing)
    return down_sample(listing, spec.seed) if spec.down_sample and len(listing) else listing


def _list_of(root: Path, split: str) -> Path:
    return root / f"{split}_image_paths.csv"


def _add_split(
    named: Named, root: Path, split: str, spec: Mura, plain: set[str], renamed: Mapping[str, str]
) -> list[str]:
    """Enter the images of a list; returns what is to be said about its labels."""
    lines = lines_of(_list_of(root, split))
    if not lines:
        raise DataProblem(
            f"{_list_of(root, split)}: it names no image. Copy it again, or remove it together with its images.",
            "missing",
            _list_of(root, split),
        )
    labels = root / f"{split}_labeled_studies.csv"
    verdicts = verdicts_of(labels) if spec.label == "abnormality" else {}
    studies: set[str] = set()
    for line in lines:
        image_id, fault = _place(root, split, line, renamed)
        study, _, _ = image_id.rpartition("/")
        if fault is None:
            studies.add(study)
            fault = file_fault(root, image_id, plain, line)
        if fault is not None:
            named.add(image_id, fault)
            continue
        _, part, patient, _ = study.split("/")
        name = part if spec.label == "body_part" else abnormality(study, root / image_id, verdicts, line)
        row = Row(image_id, 0, patient=patient, study=study, split=split)
        named.add(image_id, name if isinstance(name, DataProblem) else (name, row))
    return _about_labels(labels, studies, verdicts) if spec.label == "abnormality" else []


def _place(root: Path, split: str, line: Line, renamed: Mapping[str, str]) -> tuple[str, DataProblem | None]:
    """Path of an image below the data folder, or a name of its own where it has none; and what is wrong with it."""
    text = line.at(0)
    normal = normal_path(text)
    if normal is None:
        return f"{split}, line {line.number}", line.problem(
            f"the path {quoted(text)} is empty, absolute or leaves the data folder. Write {_EXAMPLE.format(split)}.",
            "outside",
        )
    parts = normal.split("/")
    if parts[0] not in SPLITS and len(parts) > 1:
        parts = parts[1:]  # the data folder, under its published name
    image_id = "/".join(parts)
    path = root / image_id if image_id.isprintable() else None
    if len(parts) != len(_LEVELS) or parts[0] != split:
        return image_id, line.problem(
            f"the path {quoted(text)} is not {'/'.join(_LEVELS)} in {split!r}. Write {_EXAMPLE.format(split)}.",
            "layout",
            path,
        )
    if not parts[1].startswith("XR_") and parts[1] not in renamed:
        return image_id, line.problem(
            f"{quoted(parts[1])} is no body part; their folders are called XR_..., such as {PARTS[0]}. Rename the folder, "
            "or remove the line.",
            "unknown_class",
            path,
        )
    return image_id, None


def _in_order(parts: Collection[str]) -> list[str]:
    """The published parts in their order, then the others."""
    return [part for part in PARTS if part in parts] + sorted(set(parts) - set(PARTS))


def _about_labels(file: Path, studies: Set[str], verdicts: Mapping[str, Verdict]) -> list[str]:
    without, over = studies - verdicts.keys(), verdicts.keys() - studies
    said = []
    if without:
        said.append(f"{len(without)} studies have no line in {file.name}; their label is taken from the folder's name.")
    if over:
        said.append(f"{len(over)} studies of {file.name} have no image in the list of images.")
    return said


def _first_images(listing: Listing) -> Listing:
    """The image of the lowest number of each study."""
    first: dict[str, tuple[tuple[float, str], int]] = {}
    for row, (study, image_id) in enumerate(zip(listing.studies, listing.image_ids, strict=True)):
        number = _NUMBER.search(image_id.rpartition("/")[2])
        rank = (float(number[0]) if number else float("inf"), image_id)
        first[str(study)] = min(first.get(str(study), (rank, row)), (rank, row))
    rows = sorted(row for _, row in first.values())
    return keep(listing, rows, f"Only the first image of each study is used: {len(rows)} of {len(listing)} images.")
