"""Scores of maps against masks, as metrics of a task."""

from __future__ import annotations

from torch import Tensor

from trainables.explain.localisation import localise


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
        "mask_share": found.mask_share,
    }
    return {name: float(value.double().mean()) if len(value) else None for name, value in values.items()}
