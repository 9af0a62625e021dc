"""Max-Sensitivity and infidelity (Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.explain.grad_cam import upsample
from trainables.explain.outputs import Observed
from trainables.explain.perturbations import generator_of

RADIUS = 0.02
DRAWS = 10
SQUARES = 32
SQUARE_SHARE = 1 / 4
"""Side of a square, as a share of the image's shorter side."""


def max_sensitivity(
    explain: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    image_ids: Sequence[str],
    radius: float = RADIUS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Tensor:
    """`max over d of |M(x + d) - M(x)| / |M(x)|`, each `|d_p| <= radius`, [images] (Yeh et al. 2019, definition 3).

    The maximum is over uniform draws, as the paper estimates it, and so is from below. Norms are over all cells of a map;
    they are divided by that of the map, as captum does, so that methods of other scales can be compared; a map of
    zeros is divided by 1. Less is better, but a map that never changes is best of all: read it beside the randomisation test.

    Args:
        explain: images [images, 1, height, width] to maps [images, rows, columns], of the same classes every time.
        images: [images, 1, height, width] in [0, 1]; x + d is not clipped.
        image_ids: names of the images, to which the draws belong.
        radius: largest change of an intensity.
        draws: how many.
        seed: of the draws.
    """
    if not len(images):
        return torch.empty(0)
    maps = explain(images).flatten(1)
    norm = maps.norm(dim=1)
    generators = [generator_of(seed, "sensitivity", name) for name in image_ids]
    largest = torch.zeros(len(images))
    for _ in range(draws):
        moved = torch.stack([torch.rand(images.shape[1:], generator=each) for each in generators]) * 2 - 1
        change = (explain(images + radius * moved).flatten(1) - maps).norm(dim=1)
        largest = torch.maximum(largest, change)
    return largest / torch.where(norm > 0, norm, torch.ones_like(norm))


@dataclass(frozen=True, kw_only=True, eq=False)
class Infidelity:
    """How badly a map tells how far the probability falls.

    Attributes:
        infidelity: [images], mean squared error, in squared probabilities; depends on how sensitive the network is.
        share: [images], the same over the mean squared fall, from 0 (told exactly) to 1 (no better than a map of zeros).
    """

    infidelity: Tensor
    share: Tensor


def infidelity(
    observed: Observed,
    images: Tensor,
    maps: Tensor,
    classes: Tensor,
    *,
    image_ids: Sequence[str],
    squares: int = SQUARES,
    seed: int = 0,
) -> Infidelity:
    """`mean over S of (b I_S' M - (f(x) - f(x without S)))^2` (Yeh et al. 2019, definition 1, with squares removed).

    S are random squares, a quarter of the image's side, which then show its mean; I_S is 1 inside and 0 outside, as
    for maps that say how much a pixel contributes; M is the map enlarged to the image. Our maps are known up to a
    factor, so each is scaled by the b that is best for it, `sum I'M fall / sum (I'M)^2`, as the paper does.

    Args:
        observed: the network.
        images: [images, 1, height, width] in [0, 1].
        maps: [images, rows, columns], non-negative.
        classes: [images], whose probability is followed.
        image_ids: names of the images, to which the squares belong.
        squares: how many.
        seed: of the squares.
    """
    if not len(images):
        return Infidelity(infidelity=torch.empty(0), share=torch.empty(0))
    height, width = images.shape[2:]
    large = upsample(maps[:, None], (height, width)).double()
    empty = images.mean((2, 3), keepdim=True).expand_as(images)
    whole = observed.probabilities(images, classes).double()
    inside = [random_squares(height, width, squares, generator_of(seed, "squares", name)) for name in image_ids]
    told, falls = [], []
    for square in torch.stack(inside, dim=1):
        told.append((square[:, None] * large).sum((1, 2, 3)))
        falls.append(whole - observed.probabilities(torch.where(square[:, None], empty, images), classes).double())
    sums, fall = torch.stack(told, dim=1), torch.stack(falls, dim=1)
    tiny = torch.finfo(torch.float64).tiny
    scale = (sums * fall).sum(1, keepdim=True) / sums.square().sum(1, keepdim=True).clamp_min(tiny)
    error = (scale * sums - fall).square().mean(1)
    return Infidelity(infidelity=error, share=error / fall.square().mean(1).clamp_min(tiny))


def random_squares(height: int, width: int, count: int, generator: torch.Generator) -> Tensor:
    """Squares wholly inside the image, [count, height, width] bool."""
    side = max(1, round(min(height, width) * SQUARE_SHARE))
    top = torch.randint(height - side + 1, (count, 1, 1), generator=generator)
    left = torch.randint(width - side + 1, (count, 1, 1), generator=generator)
    row, column = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    return (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
