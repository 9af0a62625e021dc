"""A handful of images to train on for a step or two."""

from __future__ import annotations

import numpy as np

from trainables.data.images import ImageSet


def tiny_images(*, count: int = 16, side: int = 32, classes: int = 3) -> ImageSet:
    """Noise with labels: half of it train, the rest val and calib."""
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, side, side), dtype=np.uint8),
        targets=np.arange(count, dtype=np.int64) % classes,
        splits=np.array(["train"] * (count // 2) + ["val"] * (count // 4) + ["calib"] * (count // 4)),
        image_ids=tuple(map(str, range(count))),
        groups=tuple(map(str, range(count))),
        classes=tuple("abcdef"[:classes]),
        patients_known=True,
    )
