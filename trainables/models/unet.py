"""A small U-Net that maps the lungs of a radiograph (Ronneberger et al. 2015, with padding and batch norm)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.spec import LungSegmentation


class UNet(nn.Module):
    """An encoder, a decoder, and at every level a bridge between them.

    Args:
        widths: channels of the levels, the finest first; two of them at least.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.down = nn.ModuleList([_block(before, after) for before, after in pairwise((1, *widths))])
        fine_to_coarse = list(pairwise(widths))
        self.up = nn.ModuleList([_block(coarse + fine, fine) for fine, coarse in reversed(fine_to_coarse)])
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [batch, 1, height, width] of images of the same shape; sides need not be powers of two."""
        bridges: list[Tensor] = []
        for level, block in enumerate(self.down):
            images = block(functional.max_pool2d(images, 2) if level else images)
            bridges.append(images)
        result = bridges.pop()
        for block in self.up:
            bridge = bridges.pop()
            enlarged = functional.interpolate(result, size=bridge.shape[-2:], mode="nearest")
            result = block(torch.cat([bridge, enlarged], dim=1))
        logits: Tensor = self.last(result)
        return logits


class LungMap(nn.Module):
    """A U-Net for images of any size: grey intensities in, soft map of the lungs out.

    Args:
        spec: widths of the U-Net and the side that it works at.
    """

    def __init__(self, spec: LungSegmentation) -> None:
        super().__init__()
        self.unet = UNet(spec.widths)
        self.side = spec.size

    def resized(self, images: Tensor) -> Tensor:
        """Images or masks [batch, 1, height, width] at the U-Net's own side, smoothed where they shrink."""
        return functional.interpolate(images, size=(self.side, self.side), mode="bilinear", antialias=True)

    def logits(self, resized: Tensor) -> Tensor:
        """Logits [batch, 1, side, side] of images at the U-Net's own side, intensities in [0, 1]."""
        result: Tensor = self.unet((resized - 0.5) / 0.25)
        return result

    def forward(self, images: Tensor) -> Tensor:
        """Share of lung at every pixel, [batch, 1, height, width] in [0, 1], as large as the images."""
        small = torch.sigmoid(self.logits(self.resized(images)))
        return functional.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)


def build_lung_map(spec: LungSegmentation) -> LungMap:
    """A U-Net with weights drawn from the seed of its description; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return LungMap(spec)


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
