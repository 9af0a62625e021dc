"""Which training images an epoch shows, in which order."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from trainables.spec import Sampling


def draw_rows(targets: NDArray[Any], spec: Sampling, generator: Generator) -> Tensor:
    """Draw the rows of one epoch.

    Args:
        targets: [images] class numbers, or [images, labels] probabilities, NaN where a label is left out.
        spec: what is drawn.
        generator: CPU generator of the epoch.

    Returns:
        [draws] rows in the order they are shown; with `balanced` some come twice and others not at all.

    Raises:
        ValueError: `down_sample` over images with several labels each.
    """
    if spec.draw == "balanced":
        weights = balancing_weights(torch.from_numpy(targets.copy()))
        return torch.multinomial(weights, len(weights), replacement=True, generator=generator)
    order = torch.randperm(len(targets), generator=generator)
    if spec.draw == "shuffle":
        return order
    if targets.ndim == 2:
        raise ValueError(
            "sampling/draw is 'down_sample', and these images have several labels each: no choice of images gives every "
            "label the same number. Take 'balanced', or 'shuffle' with a weighted loss."
        )
    return _as_many_of_each(order, torch.from_numpy(targets.copy()))


def draw_weights(targets: Tensor, spec: Sampling) -> Tensor:
    """How often an epoch is expected to show each image, [images], up to a factor."""
    return torch.ones(len(targets)) if spec.draw == "shuffle" else balancing_weights(targets)


def balancing_weights(targets: Tensor) -> Tensor:
    """Return [images] float64, one over the number of images of the class.

    Of several labels that are present (above one half) the rarest counts. Images without any, to which a label that was
    left out adds nothing, are counted as a class of their own.
    """
    if targets.ndim == 1:
        return 1 / torch.bincount(targets).double()[targets]
    present = torch.nan_to_num(targets, nan=0.0) > 0.5
    present = torch.cat([present, ~present.any(1, keepdim=True)], dim=1)
    each = 1 / present.sum(0).clamp(min=1).double()
    return torch.where(present, each, 0.0).amax(1)


def _as_many_of_each(order: Tensor, targets: Tensor) -> Tensor:
    """The first images of every class in an order, as many as the smallest class has."""
    shown, counts = targets[order], torch.bincount(targets)
    smallest = int(counts[counts > 0].min())
    kept = torch.zeros(len(order), dtype=torch.bool)
    for number in range(len(counts)):
        kept[torch.nonzero(shown == number)[:smallest, 0]] = True
    return order[kept]
