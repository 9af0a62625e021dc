"""Random changes of a batch of training images, on the device that trains."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from trainables.spec import Augmentation


def augment(images: Tensor, spec: Augmentation, generator: Generator) -> Tensor:
    """Draw one change for each image.

    Args:
        images: [batch, 1, height, width], intensities in [0, 1].
        spec: ranges of the changes; all zero returns the images themselves.
        generator: CPU generator, so that the same seed gives the same changes on every device.

    Returns:
        Images of the same shape, clipped to [0, 1]. Pixels that come from outside repeat the border.
    """
    batch = len(images)

    def draw() -> Tensor:
        return (torch.rand(batch, generator=generator) * 2 - 1).to(images.device)

    if spec.flip or spec.shift or spec.rotate_degrees or spec.zoom:
        images = _move(images, spec, draw(), draw(), draw(), draw(), draw())
    if spec.contrast or spec.brightness:
        gain = (1 + spec.contrast * draw())[:, None, None, None]
        offset = (spec.brightness * draw())[:, None, None, None]
        images = ((images - 0.5) * gain + 0.5 + offset).clamp(0, 1)
    return images


def _move(
    images: Tensor, spec: Augmentation, flip: Tensor, right: Tensor, down: Tensor, turn: Tensor, zoom: Tensor
) -> Tensor:
    angle = turn * spec.rotate_degrees * math.pi / 180
    scale = 1 + zoom * spec.zoom
    mirror = torch.where(flip < 0, -1.0, 1.0) if spec.flip else torch.ones_like(flip)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cosine * mirror, -sine, 2 * spec.shift * right], dim=1),
        torch.stack([sine * mirror, cosine, 2 * spec.shift * down], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
