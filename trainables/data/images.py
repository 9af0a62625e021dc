"""Decoded images with their labels, read from a memory-mapped file when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainables.spec import SPLITS, SplitName

Kind = TypeVar("Kind", bound=np.generic)


class Rows(Generic[Kind]):
    """Some rows of an array, in some order, gathered only when they are asked for.

    Behind it lies a memory-mapped file as a rule: an index or a slice reads those rows into memory and no others, so that a
    split of 200,000 images costs nothing before it is used.

    Args:
        array: [rows, ...], the whole.
        rows: [images], which of them, in which order; all of them where left out.

    Attributes:
        array: the whole.
        rows: which of it, never left out.
    """

    def __init__(self, array: NDArray[Kind], rows: NDArray[np.int64] | None = None) -> None:
        self.array = array
        self.rows = np.arange(len(array)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, wanted: Any) -> NDArray[Kind]:
        gathered: NDArray[Kind] = np.asarray(self.array[self.rows[wanted]])
        return gathered

    def __iter__(self) -> Iterator[NDArray[Kind]]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows together."""
        return (len(self.rows), *self.array.shape[1:])

    def take(self, rows: NDArray[np.int64]) -> Rows[Kind]:
        """Some of these rows; reads nothing."""
        return Rows(self.array, self.rows[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """A decoded data set, or a part of it.

    Attributes:
        pixels: [images, height, width], uint8 grey (0 black, 255 white); an array, or rows of one.
        targets: [images] int64 class numbers; or [images, labels] float32 probabilities, NaN where a label is left out.
        splits: [images], name of each image's split.
        image_ids: path of the image inside the data folder, or a name; all different.
        groups: what must not be torn apart by a split: the patient, or a cluster of near-duplicates.
        classes: names of the classes, or of the labels.
        patients_known: whether groups are patients.
        studies: the visit each image was taken at, where the data set knows it; its images are judged together, too.
        masks: [images, height, width] bool, what makes the class, or None where nobody knows.
        remarks: sentences that the report carries.
    """

    pixels: Rows[np.uint8]
    targets: NDArray[Any]
    splits: NDArray[np.str_]
    image_ids: tuple[str, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    patients_known: bool
    studies: tuple[str, ...] | None = None
    masks: Rows[np.bool_] | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pixels", "masks"):
            if isinstance(getattr(self, name), np.ndarray):
                object.__setattr__(self, name, Rows(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels."""
        return self.targets.ndim == 2

    def part(self, split: SplitName) -> ImageSet:
        """The images of one split, in the order of the whole."""
        return self.take(self.rows_of(split))

    def rows_of(self, split: SplitName) -> NDArray[np.int64]:
        """Rows of the images of one split, in the order of the whole."""
        return np.flatnonzero(self.splits == split)

    def take(self, rows: NDArray[np.int64]) -> ImageSet:
        """The images of the given rows."""
        return replace(
            self,
            pixels=self.pixels.take(rows),
            targets=self.targets[rows],
            splits=self.splits[rows],
            image_ids=tuple(self.image_ids[n] for n in rows),
            groups=tuple(self.groups[n] for n in rows),
            studies=None if self.studies is None else tuple(self.studies[n] for n in rows),
            masks=None if self.masks is None else self.masks.take(rows),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class, or by split and label that is present."""
        return {split: counts_of(self.targets[self.splits == split], self.classes) for split in SPLITS}


def counts_of(targets: NDArray[Any], classes: tuple[str, ...]) -> dict[str, int]:
    """Images by class, or by label that is more likely present than not."""
    if targets.ndim == 2:
        return {name: int((targets[:, n] > 0.5).sum()) for n, name in enumerate(classes)}
    return {name: int((targets == n).sum()) for n, name in enumerate(classes)}
