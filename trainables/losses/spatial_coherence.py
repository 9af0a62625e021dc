"""L_SC of paper P2: neighbours within one bright region of a saliency map shall be equally bright."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.losses.saliency import intensities

REACH = 4
"""Pixels to each side of the 9 x 9 window."""


def spatial_coherence(maps: Tensor, *, resolution: int | None = None) -> Tensor:
    """L_SC: mean over images, classes and pixels of the sum over neighbours of the squared difference.

    P2 prints `L_SC = sum_p sum_{n_p in T(p)} (x_p - x_{n_p})^2`, T(p) the pixels of the 9 x 9 window around p that lie in
    the same connected component as p (section 3.1.2; Mahapatra et al. 2022). What is not printed is ours:

    - x are the intensities of the map in [0, 1] (see `intensities`), at `resolution` after bilinear upsampling, or at the
      resolution of the feature map.
    - A component is a set of pixels brighter than the mean of their map that touch each other, corners included. Pixels
      that are not brighter than the mean, and places outside the map, are in no T(p).
    - The sum over pixels is divided by their number and averaged over classes and images. P2's lambda_2 for the bare sum
      over a map is `lambda_sc / pixels`. A window has 80 neighbours, so the value lies in [0, 80].

    Components are constants: the gradient passes through the intensities alone. A map without a positive part counts 0
    and has no gradient. A map that is not finite makes the result NaN.

    Args:
        maps: [batch, classes, rows, columns], signed; float32 or better.
        resolution: side in pixels that the maps are upsampled to, or None.
    """
    size = maps.shape[-2:] if resolution is None else (resolution, resolution)
    bright = intensities(maps, (int(size[0]), int(size[1]))).flatten(0, 1)
    if not len(bright):
        return maps.sum() * 0.0
    result: Tensor = _WithinComponents.apply(bright, components(bright.detach()))
    return result / bright.numel()


def components(bright: Tensor) -> Tensor:
    """Number of the component of every pixel, [maps, rows, columns], 0 where there is none; no two maps share a number.

    Args:
        bright: [maps, rows, columns], intensities.
    """
    from scipy import ndimage

    above = bright > bright.mean(dim=(-2, -1), keepdim=True)
    within_a_map = np.zeros((3, 3, 3), dtype=bool)
    within_a_map[1] = True
    numbers, _ = ndimage.label(above.cpu().numpy(), structure=within_a_map)
    return torch.from_numpy(numbers).to(bright.device)


class _WithinComponents(torch.autograd.Function):
    """The sum over pixels and neighbours in the same component, and its gradient from the same forty shifts.

    Each pair is met once and counts twice. Left to autograd, every shift would keep its differences until the backward
    pass: some gigabytes for a batch at 224 pixels.
    """

    @staticmethod
    def forward(ctx: Any, bright: Tensor, numbers: Tensor) -> Tensor:
        total, gradient = bright.new_zeros(()), torch.zeros_like(bright)
        alone = -1 - torch.arange(numbers[0].numel(), device=numbers.device).view_as(numbers[0])
        groups = torch.where(numbers == 0, alone.to(numbers.dtype), numbers)  # outside, each pixel is its own
        for one, other in _pairs(bright.shape[-2], bright.shape[-1]):
            # a product and no masked fill, so that what is not finite shows
            difference = (bright[one] - bright[other]) * (groups[one] == groups[other])
            total += difference.square().sum()
            gradient[one] += difference
            gradient[other] -= difference
        ctx.save_for_backward(gradient)
        return 2 * total

    @staticmethod
    def backward(ctx: Any, *from_above: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return 4 * from_above[0] * gradient, None


def _pairs(rows: int, columns: int) -> Iterator[tuple[Any, Any]]:
    """Slices of all pixels and of their neighbours, one for every second place of the window."""
    for down in range(min(REACH, rows - 1) + 1):
        for right in range(-min(REACH, columns - 1), min(REACH, columns - 1) + 1):
            if down or right > 0:
                left, over = max(0, -right), max(0, right)
                one = (..., slice(0, rows - down), slice(left, columns - over))
                other = (..., slice(down, rows), slice(left + right, columns - over + right))
                yield one, other
