"""What a perturbed region of an image shows: noise as in paper P3, and other fillings that are as usual.

Each gives the whole image perturbed, of which a curve shows region after region. What is drawn belongs to the image's id and
the seed, whatever the batch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.regions import Regions
from trainables.spec import Perturbation

BLUR_SHARE = 1 / 20
"""Deviation of the blur, as a share of the image's shorter side."""

DESCRIPTIONS: dict[Perturbation, str] = {
    "noise": "normal noise added to intensities in [0, 1], the sum clipped to [0, 1]",
    "uniform": "intensities drawn uniformly from [0, 1]",
    "mean": "the mean intensity of the image",
    "blur": "the image after a Gaussian blur with a deviation of a twentieth of its shorter side",
    "neighbours": "the mean intensity of those of the eight neighbouring regions that are not perturbed yet, or of what all "
    "of them show by then",
}


def perturbed_images(
    images: Tensor,
    image_ids: Sequence[str],
    *,
    how: Perturbation,
    noise: float,
    seed: int,
    order: Tensor,
    regions: Regions,
) -> Tensor:
    """Images with every region perturbed, [images, 1, height, width] in [0, 1].

    Args:
        images: [images, 1, height, width], intensities in [0, 1].
        image_ids: names of the images.
        how: see `DESCRIPTIONS`.
        noise: standard deviation, of `noise` only.
        seed: of what is drawn.
        order: [images, regions], on which `neighbours` depends, and nothing else.
        regions: the grid.
    """
    match how:
        case "noise":
            return add_noise(images, image_ids, noise=noise, seed=seed)
        case "uniform":
            drawn = [torch.rand(images.shape[1:], generator=generator_of(seed, how, name)) for name in image_ids]
            return torch.stack(drawn).to(images) if drawn else images.clone()
        case "mean":
            return images.mean((2, 3), keepdim=True).expand_as(images).clone()
        case "blur":
            return blurred(images)
        case "neighbours":
            return filled_by_neighbours(images, order, regions)


def add_noise(images: Tensor, image_ids: Sequence[str], *, noise: float, seed: int) -> Tensor:
    """Each image plus its own normal noise field, clipped to [0, 1]: what a perturbed region shows."""
    fields = [torch.randn(images.shape[1:], generator=generator_of(seed, "noise", name)) for name in image_ids]
    if not fields:
        return images.clone()
    return (images + noise * torch.stack(fields).to(images)).clamp(0, 1)


def blurred(images: Tensor) -> Tensor:
    """Images after a Gaussian blur, borders mirrored; its deviation is a twentieth of the shorter side, cut off at three."""
    side = min(images.shape[2:])
    radius = min(side - 1, max(1, math.ceil(3 * BLUR_SHARE * side)))
    steps = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (steps / (BLUR_SHARE * side)).square())
    kernel = kernel / kernel.sum()
    if not len(images) or side == 1:
        return images.clone()
    padded = functional.pad(images, (radius, radius, radius, radius), mode="reflect")
    rows = functional.conv2d(padded, kernel[None, None, :, None])
    return functional.conv2d(rows, kernel[None, None, None, :])


def filled_by_neighbours(images: Tensor, order: Tensor, regions: Regions) -> Tensor:
    """Each region filled evenly with the mean of its neighbours at the moment when it is perturbed.

    Neighbours are the up to eight adjoining regions; the mean is over the pixels of those that are not perturbed yet, or
    where all are, over what all of them show. A grid of a single region is filled with its own mean.

    Args:
        images: [images, 1, height, width].
        order: [images, regions], in which they are perturbed.
        regions: the grid.
    """
    place = regions.of_pixels().flatten().to(images.device)
    size = torch.bincount(place, minlength=len(regions)).to(images)
    shown = torch.zeros(len(images), len(regions), dtype=images.dtype, device=images.device)
    shown = shown.index_add(1, place, images.flatten(1)) / size
    adjoining = _adjoining(regions).to(images.device)
    done = torch.zeros_like(shown, dtype=torch.bool)
    rows = torch.arange(len(images), device=images.device)
    for region in order.to(images.device).T:
        neighbours = adjoining[region]
        fresh = neighbours & ~done
        weights = torch.where(fresh.any(1, keepdim=True), fresh, neighbours) * size
        shown[rows, region] = (weights * shown).sum(1) / weights.sum(1)
        done[rows, region] = True
    return shown[:, place].reshape(images.shape)


def generator_of(seed: int, purpose: str, name: str) -> torch.Generator:
    """Random numbers that belong to a seed, a purpose and an image's id."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _adjoining(regions: Regions) -> Tensor:
    """Which regions adjoin which, corners included, [regions, regions]; a single region adjoins itself."""
    number = torch.arange(len(regions))
    row, column = number // regions.columns, number % regions.columns
    near = ((row[:, None] - row).abs() <= 1) & ((column[:, None] - column).abs() <= 1)
    if len(regions) > 1:
        near.fill_diagonal_(False)
    return near
