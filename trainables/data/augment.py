"""Random changes of a batch of training images, on the device that trains.

Every movement is a matrix, their product is one too, and the batch is resampled once: blurred once, and paid for once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Generator, Tensor
from torch.nn import functional

from trainables.spec import Augmentation

Draw: TypeAlias = Callable[[], Tensor]
"""Gives a number in [-1, 1) for each image, [batch] on the CPU; new ones at every call."""


WHOLE = slice(None)


def augment(
    images: Tensor, spec: Augmentation, generator: Generator, *, batch: int | None = None, part: slice = WHOLE
) -> Tensor:
    """Draw one change for each image.

    Args:
        images: [batch, 1, height, width], intensities in [0, 1].
        spec: ranges of the changes; all zero returns the images themselves.
        generator: CPU generator, so that the same seed gives the same changes on every device.
        batch: how many images the changes are drawn for, where these are a part of a batch.
        part: which of them these are.

    Returns:
        Images of the same shape, clipped to [0, 1]. Pixels that come from outside repeat the border.
    """
    device, drawn = images.device, len(images) if batch is None else batch

    def draw() -> Tensor:
        return (torch.rand(drawn, generator=generator) * 2 - 1)[part]

    if spec.moves:
        images = resample(images, sampling_matrices(spec, draw).to(device))
    if spec.contrast or spec.brightness:
        gain = (1 + spec.contrast * draw().to(device))[:, None, None, None]
        offset = (spec.brightness * draw().to(device))[:, None, None, None]
        images = (images - 0.5).mul_(gain).add_(0.5).add_(offset).clamp_(0, 1)
    if spec.noise:
        noise = torch.randn((drawn, *images.shape[1:]), generator=generator)[part].to(device)
        images = noise.mul_(spec.noise).add_(images).clamp_(0, 1)
    return images


def resample(images: Tensor, matrices: Tensor) -> Tensor:
    """Move every image by its matrix, bilinearly.

    Args:
        images: [batch, channels, height, width].
        matrices: [batch, 2, 3], from a place in the result to the place in the image that it shows, (x, y) in [-1, 1].
    """
    height, width = images.shape[-2:]
    grid = sampling_grid(matrices, height, width)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def sampling_grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """Places that the pixels of the results show, [batch, height, width, 2]: `affine_grid`, at a tenth of its time.

    That multiplies a matrix of three columns for every pixel; a row and a column of products, added, are the same sums in
    the same order.
    """
    across, down = _middles(width, matrices.device), _middles(height, matrices.device)
    parts = matrices[:, :, :, None, None]
    grid = (parts[:, :, 0] * across + parts[:, :, 1] * down[:, None]).add_(parts[:, :, 2])
    return grid.permute(0, 2, 3, 1)


def _middles(pixels: int, device: torch.device) -> Tensor:
    """Middles of the pixels of a side that reaches from -1 to 1."""
    return torch.linspace(-1, 1, pixels, device=device) * (pixels - 1) / pixels


def sampling_matrices(spec: Augmentation, draw: Draw) -> Tensor:
    """Draw the movement of each image: [batch, 2, 3] for `resample`.

    The five draws of flip, shift, rotation and zoom are made whenever anything moves, those of the others only where
    their range is above zero: a seed means today what it meant before the others were there.
    """
    flip, right, down, turn, zoom = (draw() for _ in range(5))
    linear = _turned(spec, flip, turn, zoom)
    place = torch.stack([2 * spec.shift * right, 2 * spec.shift * down], dim=1)[:, :, None]
    if spec.shear_degrees or spec.stretch:
        linear = linear @ _slanted(spec, draw(), draw(), draw())
    if spec.crop:
        side = torch.sqrt(1 - spec.crop * (1 + draw()) / 2)[:, None, None]
        centre = (1 - side) * torch.stack([draw(), draw()], dim=1)[:, :, None]
        linear, place = linear * side, place + linear @ centre
    return torch.cat([linear, place], dim=2)


def _turned(spec: Augmentation, flip: Tensor, turn: Tensor, zoom: Tensor) -> Tensor:
    """[batch, 2, 2], mirrored, then turned and scaled."""
    angle = turn * spec.rotate_degrees * math.pi / 180
    scale = 1 + zoom * spec.zoom
    mirror = torch.where(flip < 0, -1.0, 1.0) if spec.flip else torch.ones_like(flip)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cosine * mirror, -sine], dim=1), torch.stack([sine * mirror, cosine], dim=1)]
    return torch.stack(rows, dim=1)


def _slanted(spec: Augmentation, slant: Tensor, wider: Tensor, higher: Tensor) -> Tensor:
    """[batch, 2, 2], slanted and stretched."""
    lean = torch.tan(slant * spec.shear_degrees * math.pi / 180)
    rows = [
        torch.stack([1 + spec.stretch * wider, lean], dim=1),
        torch.stack([torch.zeros_like(lean), 1 + spec.stretch * higher], dim=1),
    ]
    return torch.stack(rows, dim=1)
