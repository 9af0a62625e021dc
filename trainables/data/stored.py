"""A prepared data set as a folder: arrays that are memory-mapped, and a table of what they hold.

Decoded images, which data sets that are split or labelled in another way share:

images.npy      uint8 [images, size, size]
masks.npy       bool  [images, size, size]    what makes the class, where that is known
lung_masks.npy  bool  [images, size, size]    the lungs, where every image has such a mask
thumbnails.npy  uint8 [images, 32, 32]
digests.npy     uint8 [images, 16]            equal where the decoded pictures are
duplicates.npy  int64 [images]                row of the first image of each one's cluster of near-duplicates
decoded.json    ids in the order of the arrays, and what is wrong with the bad ones

A data set that refers to them, or to arrays beside itself:

table.json      rows of the arrays, ids, splits, groups, studies, classes, patients_known, remarks, counts, left out
targets.npy     int64 [images] or float32 [images, labels]
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trainables.data.images import ImageSet, Rows, counts_of
from trainables.data.problems import DataProblem

IMAGES, MASKS, LUNG_MASKS = "images.npy", "masks.npy", "lung_masks.npy"
THUMBNAILS, DIGESTS, DUPLICATES = "thumbnails.npy", "digests.npy", "duplicates.npy"
DECODED = "decoded.json"
TABLE, TARGETS = "table.json", "targets.npy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """What `table.json` says about the images of a data set; see `ImageSet` for the fields that are not here.

    Attributes:
        rows: [images], row of each image in the arrays.
        files: images by class that the data set names, before any filter.
        left_out: what is wrong with images that were left out: kind, path, row, message.
    """

    rows: NDArray[np.int64]
    image_ids: Sequence[str]
    targets: NDArray[Any]
    splits: NDArray[np.str_]
    groups: Sequence[str]
    classes: Sequence[str]
    patients_known: bool
    remarks: Sequence[str]
    files: dict[str, int]
    studies: Sequence[str] | None = None
    left_out: Sequence[dict[str, Any]] = ()


def new_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Make an array on disk whose pages need not stay in memory.

    Raises:
        OSError: the disk is too full; without this check, writing to the array would end the process.
    """
    wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise OSError(
            f"{path}: the decoded images need {wanted:,} bytes, and the disk has {free:,} left. Free some, choose a "
            "smaller data/size or another --storage."
        )
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    return array


def write_table(folder: Path, table: Table) -> None:
    """Write the table."""
    plain = {
        "rows": table.rows.tolist(),
        "ids": list(table.image_ids),
        "splits": table.splits.tolist(),
        "groups": list(table.groups),
        "studies": None if table.studies is None else list(table.studies),
        "classes": list(table.classes),
        "patients_known": table.patients_known,
        "remarks": list(table.remarks),
        "counts": {"files": table.files, "splits": _counts(table)},
        "left_out": list(table.left_out),
    }
    np.save(folder / TARGETS, table.targets)
    (folder / TABLE).write_text(json.dumps(plain, indent=1), "utf-8")


def load(folder: Path, arrays: Path | None = None) -> ImageSet:
    """Open a data set; the arrays are memory-mapped and shared by all processes that open them.

    Args:
        folder: with the table.
        arrays: with the decoded images, where they do not lie beside the table.

    Raises:
        DataProblem: a folder that is not whole.
    """
    place = arrays or folder
    try:
        plain = json.loads((folder / TABLE).read_text("utf-8"))
        targets = np.load(folder / TARGETS)
        pixels = np.load(place / IMAGES, mmap_mode="r")
        masks = np.load(place / MASKS, mmap_mode="r") if (place / MASKS).exists() else None
    except (OSError, ValueError) as error:
        raise _not_whole(folder, f"it cannot be opened ({error})") from error
    rows = np.array(plain["rows"], np.int64)
    if len(rows) and rows.max() >= len(pixels):
        raise _not_whole(folder, f"{TABLE} names row {rows.max()} of {len(pixels)} decoded images")
    return ImageSet(
        pixels=Rows(pixels, rows),
        targets=targets,
        splits=np.array(plain["splits"], np.str_),
        image_ids=tuple(plain["ids"]),
        groups=tuple(plain["groups"]),
        classes=tuple(plain["classes"]),
        patients_known=plain["patients_known"],
        studies=None if plain["studies"] is None else tuple(plain["studies"]),
        masks=None if masks is None else Rows(masks, rows),
        remarks=tuple(plain["remarks"]),
    )


def load_lung_masks(folder: Path, arrays: Path | None = None) -> Rows[np.bool_] | None:
    """Open the lung masks, [images, size, size], or return None where the data set has none."""
    place = (arrays or folder) / LUNG_MASKS
    if not place.exists():
        return None
    rows = np.array(json.loads((folder / TABLE).read_text("utf-8"))["rows"], np.int64)
    return Rows(np.load(place, mmap_mode="r"), rows)


def left_out(folder: Path) -> list[dict[str, Any]]:
    """What is wrong with the images that were left out: kind, path, row and message of each."""
    problems: list[dict[str, Any]] = json.loads((folder / TABLE).read_text("utf-8")).get("left_out", [])
    return problems


def _not_whole(folder: Path, what: str) -> DataProblem:
    return DataProblem(
        f"{folder}: the prepared data set is not whole: {what}. Delete the folder; it is made anew.", "prepared", folder
    )


def _counts(table: Table) -> dict[str, dict[str, int]]:
    named = sorted(set(table.splits.tolist()))
    return {split: counts_of(table.targets[table.splits == split], tuple(table.classes)) for split in named}
