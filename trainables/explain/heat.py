"""Scores of the map itself, and of the image under it: sparseness and HAAS."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.explain.grad_cam import upsample


def gini(maps: Tensor) -> Tensor:
    """Gini index of maps [images, rows, columns], [images]: 0 for an even map, towards 1 for a single pixel.

    `1 - 2 sum_k v_(k) / sum(v) * (d - k + 1/2) / d`, v_(k) the d values in rising order (Hurley and Rickard 2009, which
    Chalasani et al. 2020 take as the sparseness of an explanation). A map of zeros is even: 0.
    """
    values = maps.flatten(1).abs().double().sort(dim=1).values
    count = values.shape[1]
    weights = (count - torch.arange(1, count + 1, dtype=torch.float64) + 0.5) / count
    total = values.sum(1, keepdim=True)
    share = torch.where(total > 0, values / total.clamp_min(torch.finfo(torch.float64).tiny), 1 / count)
    return 1 - 2 * (share * weights).sum(1)


def sparseness(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Gini index of maps enlarged to the image, [images], so that methods of other resolutions can be compared."""
    return gini(upsample(maps[:, None], size)[:, 0]) if len(maps) else torch.empty(0, dtype=torch.float64)


def heat_assisted(images: Tensor, maps: Tensor) -> Tensor:
    """Images whose contrast a map has raised, [images, 1, height, width] in [0, 1] (Lee et al. 2022, HAAS).

    Intensities as from -1 to 1, `x' = max(-1, min(1, x (1 + h)))` with the heatmap h, here the enlarged map divided by its
    maximum, so from 0 to 1. The formula is taken from "Heatmap Assisted Accuracy Score Evaluation Method for
    Machine-Centric Explainable Deep Neural Networks" (IEEE Access 2022, doi 10.1109/ACCESS.2022.3184453) as public code of
    it has it; h may be negative there.
    """
    if not len(images):
        return images.clone()
    heat = upsample(maps[:, None], (images.shape[2], images.shape[3]))
    heat = heat / heat.amax((2, 3), keepdim=True).clamp_min(torch.finfo(heat.dtype).tiny)
    return ((2 * images - 1) * (1 + heat)).clamp(-1, 1) / 2 + 0.5


def haas(right_with_heat: Tensor, right: Tensor) -> float | None:
    """Accuracy on heat-assisted images over that on the images as they are, from [images] bool; above 1 the maps help.

    None where no image is right as it is.
    """
    before = float(right.double().mean()) if len(right) else 0.0
    return float(right_with_heat.double().mean()) / before if before > 0 else None
