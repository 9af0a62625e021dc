"""Decoded images with their labels, in memory or memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainables.spec import SPLITS, SplitName


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """A decoded data set, or a part of it.

    Attributes:
        pixels: [images, height, width], uint8 grey (0 black, 255 white); may be memory-mapped.
        targets: [images], int64 class numbers.
        splits: [images], name of each image's split.
        image_ids: path of the image inside the data folder, or a name; all different.
        groups: what must not be torn apart by a split: the patient, or a cluster of near-duplicates.
        classes: names of the classes.
        patients_known: whether groups are patients.
        masks: [images, height, width] bool, what makes the class, or None where nobody knows.
        remarks: sentences that the report carries.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    image_ids: tuple[str, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    patients_known: bool
    masks: NDArray[np.bool_] | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.image_ids)

    def part(self, split: SplitName) -> ImageSet:
        """The images of one split, in the order of the whole."""
        return self.take(np.flatnonzero(self.splits == split))

    def take(self, rows: NDArray[np.int64]) -> ImageSet:
        """The images of the given rows."""
        return replace(
            self,
            pixels=self.pixels[rows],
            targets=self.targets[rows],
            splits=self.splits[rows],
            image_ids=tuple(self.image_ids[n] for n in rows),
            groups=tuple(self.groups[n] for n in rows),
            masks=None if self.masks is None else self.masks[rows],
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class."""
        return {
            split: {
                name: int(((self.splits == split) & (self.targets == n)).sum()) for n, name in enumerate(self.classes)
            }
            for split in SPLITS
        }
