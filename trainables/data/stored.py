"""A prepared data set as a folder: arrays that are memory-mapped, and a table of what they hold.

images.npy      uint8 [images, size, size]
masks.npy       bool  [images, size, size]    what makes the class, where that is known
lung_masks.npy  bool  [images, size, size]    the lungs, where every image has such a mask
table.json      ids, targets, splits, groups, classes, patients_known, remarks, counts
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

from trainables.data.images import ImageSet
from trainables.data.problems import DataProblem

IMAGES, MASKS, LUNG_MASKS = "images.npy", "masks.npy", "lung_masks.npy"
THUMBNAILS, TABLE = "thumbnails.npy", "table.json"


@dataclass(frozen=True, kw_only=True)
class Table:
    """What `table.json` says about the rows of the arrays; see `ImageSet` for the fields.

    Attributes:
        files: images by class that the data set names, before any filter.
    """

    image_ids: Sequence[str]
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    groups: Sequence[str]
    classes: Sequence[str]
    patients_known: bool
    remarks: Sequence[str]
    files: dict[str, int]


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
    """Write the table beside the arrays."""
    plain = {
        "ids": list(table.image_ids),
        "targets": table.targets.tolist(),
        "splits": table.splits.tolist(),
        "groups": list(table.groups),
        "classes": list(table.classes),
        "patients_known": table.patients_known,
        "remarks": list(table.remarks),
        "counts": {"files": table.files, "splits": _counts(table)},
    }
    (folder / TABLE).write_text(json.dumps(plain, indent=1), "utf-8")


def load(folder: Path) -> ImageSet:
    """Open a prepared data set; the arrays are memory-mapped and shared by all processes that open it.

    Raises:
        DataProblem: a folder that is not whole.
    """
    try:
        plain = json.loads((folder / TABLE).read_text("utf-8"))
        pixels = np.load(folder / IMAGES, mmap_mode="r")
        masks = np.load(folder / MASKS, mmap_mode="r") if (folder / MASKS).exists() else None
    except (OSError, ValueError) as error:
        raise DataProblem(
            f"{folder}: the prepared data set cannot be opened ({error}). Delete the folder; it is made anew.",
            "prepared",
            folder,
        ) from error
    if len(pixels) != len(plain["ids"]):
        raise DataProblem(
            f"{folder}: {len(pixels)} decoded images and {len(plain['ids'])} rows in {TABLE}. Delete the folder; it is "
            "made anew.",
            "prepared",
            folder,
        )
    return ImageSet(
        pixels=pixels,
        targets=np.array(plain["targets"], np.int64),
        splits=np.array(plain["splits"], np.str_),
        image_ids=tuple(plain["ids"]),
        groups=tuple(plain["groups"]),
        classes=tuple(plain["classes"]),
        patients_known=plain["patients_known"],
        masks=masks,
        remarks=tuple(plain["remarks"]),
    )


def load_lung_masks(folder: Path) -> NDArray[np.bool_] | None:
    """Open the lung masks, [images, size, size], or return None where the data set has none."""
    if not (folder / LUNG_MASKS).exists():
        return None
    masks: NDArray[np.bool_] = np.load(folder / LUNG_MASKS, mmap_mode="r")
    return masks


def _counts(table: Table) -> dict[str, dict[str, int]]:
    named = sorted(set(table.splits.tolist()))
    return {
        split: {
            name: int(((table.splits == split) & (table.targets == n)).sum()) for n, name in enumerate(table.classes)
        }
        for split in named
    }
