"""What happens to a map when the image is rotated (paper P1, Figure 4), and how like two maps are."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.aggregate import average_ranks
from trainables.explain.grad_cam import upsample


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Images [..., height, width] rotated around their centre, counterclockwise, bilinearly; what comes in is black."""
    if degrees % 360 == 0:
        return images
    height, width = images.shape[-2:]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    back = torch.tensor([[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]])
    flat = images.reshape(1, -1, height, width)
    grid = functional.affine_grid(back[None].to(flat), [1, 1, height, width], align_corners=False)
    turned = functional.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return turned.reshape(images.shape)


def common_circle(height: int, width: int) -> Tensor:
    """Pixels that an image shows at every angle, [height, width]: those inside its inscribed circle, a pixel from its rim."""
    rows = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    columns = torch.arange(width, dtype=torch.float64)[None] - (width - 1) / 2
    return rows.square() + columns.square() <= (min(height, width) / 2 - 1) ** 2


def rotated_back(maps: Tensor, degrees: float, size: tuple[int, int]) -> Tensor:
    """Maps [images, rows, columns] of images rotated by `degrees`, where they were before, [images, height, width]."""
    return rotate(upsample(maps[:, None], size), -degrees)[:, 0]


def rotation_correlation(original: Tensor, rotated: Tensor, degrees: float, size: tuple[int, int]) -> Tensor:
    """Spearman correlation of maps with those of the rotated images turned back, in the common circle, [images].

    Args:
        original: [images, rows, columns], maps of the images as they are.
        rotated: the same of the images rotated by `degrees`.
        degrees: counterclockwise.
        size: height and width of the images in pixels; maps are enlarged to it bilinearly.
    """
    circle = common_circle(*size)
    before = upsample(original[:, None], size)[:, 0]
    return rank_correlation(before[:, circle], rotated_back(rotated, degrees, size)[:, circle])


def rank_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Spearman correlation over the last dimension, in double precision; 0 where one of them is constant."""
    return correlation(average_ranks(one), average_ranks(other))


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Pearson correlation over the last dimension, in double precision; 0 where one of them is constant."""
    centred = [each.double() - each.double().mean(-1, keepdim=True) for each in (one, other)]
    lengths = [each.norm(dim=-1) for each in centred]
    product = (centred[0] * centred[1]).sum(-1)
    scale = lengths[0] * lengths[1]
    return torch.where(scale > 0, product / scale.clamp_min(torch.finfo(torch.float64).tiny), 0.0)
