"""Images that every network of a sweep is shown on, whatever it predicts: what maps of trials are compared by (paper P2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.explain.grad_cam import upsample

COMPARED_IMAGES = 6


def compared_images(
    images: ImageSet,
    targets: Tensor,
    order: NDArray[np.int64],
    predicted: Tensor,
    explain: Callable[[NDArray[np.int64], Tensor], Tensor],
) -> dict[str, Tensor]:
    """A few images with the map of their true class: the predicted one would be another class for another network.

    Tensors, a row an image: `compared/pixels`, `/maps` [images, height, width], `/targets`, `/predicted`, `/rows` (of the
    split), and `/ids`, numbers made from the images' ids, by which the images of two networks are matched.

    Args:
        images: the split.
        targets: [images of the split], the class that is explained; of labels one that is present.
        order: rows that may be shown, by a seed and the images' ids, see `seeded_order`.
        predicted: [images of the split], predicted classes.
        explain: rows and classes of all images to maps [rows, map rows, map columns].
    """
    rows = in_turn_of_classes(order, targets.numpy())[:COMPARED_IMAGES]
    maps = explain(rows, targets)
    height, width = images.pixels.shape[1:]
    return {
        "compared/pixels": torch.from_numpy(np.array(images.pixels[rows])),
        "compared/maps": upsample(maps[:, None], (height, width))[:, 0],
        "compared/targets": targets[rows],
        "compared/predicted": predicted[rows],
        "compared/rows": torch.from_numpy(rows),
        "compared/ids": torch.tensor([_number(images.image_ids[row]) for row in rows]),
    }


def in_turn_of_classes(rows: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same rows, one of each class, then another one of each, and so on; within a class in the given order."""
    turn: dict[int, int] = {}
    turns = np.zeros(len(rows), dtype=np.int64)
    for place, row in enumerate(rows):
        turns[place] = turn[int(targets[row])] = turn.get(int(targets[row]), -1) + 1
    return rows[np.lexsort((targets[rows], turns))]


def _number(image_id: str) -> int:
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:7])
