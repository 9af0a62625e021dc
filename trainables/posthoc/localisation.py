"""Scores of maps against masks, as metrics of a task."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import Rows
from trainables.explain.localisation import localise
from trainables.spec import SplitName


@runtime_checkable
class KnowsLungs(Protocol):
    """What a network may have besides: where the lungs of its images are."""

    def lung_masks(self, split: SplitName) -> Rows[np.bool_] | None:
        """Masks of the lungs, [images, height, width], rows as in `images`; None where the data set has none."""
        ...


def localisation_metrics(maps: Tensor, masks: Tensor) -> dict[str, float | None]:
    """Means over the images that have a mask, by name; None where no image has one.

    Args:
        maps: [images, rows, columns], non-negative.
        masks: [images, height, width], bool.
    """
    found = localise(maps, masks)
    values = {
        "pointing_game": found.pointing_game,
        "energy_inside": found.energy_inside,
        "best_iou": found.best_iou,
        "rank_accuracy": found.rank_accuracy,
        "mask_share": found.mask_share,
    }
    return {name: float(value.double().mean()) if len(value) else None for name, value in values.items()}


def lung_metrics(network: object, split: SplitName, rows: NDArray[np.int64], maps: Tensor) -> dict[str, float | None]:
    """Mean share of the relevance inside the lungs, and of the image that they cover, where the data set has such masks.

    A finding need not lie inside the lungs; but relevance outside of them and of the heart is relevance of the film.

    Args:
        network: a trained network.
        split: whose images the maps are of.
        rows: [images], their rows in the split.
        maps: [images, rows, columns], non-negative.
    """
    masks = network.lung_masks(split) if isinstance(network, KnowsLungs) else None
    if masks is None:
        return {}
    found = localisation_metrics(maps, torch.from_numpy(np.array(masks[rows])))
    return {"inside_lungs": found["energy_inside"], "lungs_share": found["mask_share"]}
