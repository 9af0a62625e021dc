"""The image cut into a grid of regions, and the order in which a map ranks them (paper P3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Regions:
    """A grid of regions from the top left of an image, numbered row by row.

    As in P3, where 299 pixels and 9 cells give regions of 34 pixels and a last row and column of 27: a region's side is
    the image's side over the number of cells, rounded up, and the last ones are smaller. Where rounding up leaves nothing
    for a last cell (9 cells on 64 pixels are 8 of 8) there is none.

    Attributes:
        height, width: of the image, in pixels.
        region_height, region_width: of a full region, in pixels.
    """

    height: int
    width: int
    region_height: int
    region_width: int

    @staticmethod
    def of(*, height: int, width: int, rows: int, columns: int) -> Regions:
        """Cut an image into at most rows x columns regions.

        Raises:
            ValueError: more rows or columns than pixels, or none.
        """
        if not (1 <= rows <= height and 1 <= columns <= width):
            raise ValueError(
                f"Regions of {rows} x {columns} cells cannot be cut from {height} x {width} pixels. "
                "Give aopc/cells a number between 1 and the side of the image."
            )
        return Regions(height=height, width=width, region_height=-(-height // rows), region_width=-(-width // columns))

    @property
    def rows(self) -> int:
        """Rows of the grid."""
        return -(-self.height // self.region_height)

    @property
    def columns(self) -> int:
        """Columns of the grid."""
        return -(-self.width // self.region_width)

    def __len__(self) -> int:
        return self.rows * self.columns

    def of_pixels(self) -> Tensor:
        """The number of the region that each pixel lies in, [height, width]."""
        row = torch.arange(self.height) // self.region_height
        column = torch.arange(self.width) // self.region_width
        return row[:, None] * self.columns + column

    def relevance(self, maps: Tensor) -> Tensor:
        """The map's value at each region, [images, regions].

        A map whose grid is that of the regions is read cell by cell, as P3 does (its cell of 33.2 pixels stands for a
        region of 34). Any other is averaged over the part of each of its cells that a region covers.

        Args:
            maps: [images, rows, columns], one map an image.
        """
        if maps.shape[1:] == (self.rows, self.columns):
            return maps.flatten(1)
        down = _shares(self.height, self.region_height, maps.shape[1]).to(maps)
        across = _shares(self.width, self.region_width, maps.shape[2]).to(maps)
        return torch.einsum("ri,nij,cj->nrc", down, maps, across).flatten(1)


def most_relevant_first(relevance: Tensor) -> Tensor:
    """Regions of each image in falling order of relevance, equal ones by their number, [images, regions]."""
    return relevance.argsort(dim=1, descending=True, stable=True)


def least_relevant_first(relevance: Tensor) -> Tensor:
    """Regions of each image in rising order of relevance, equal ones by their number, [images, regions]."""
    return relevance.argsort(dim=1, stable=True)


def _shares(side: int, region: int, cells: int) -> Tensor:
    """Share of each region's length that lies in each cell of a map, [regions, cells]; rows sum to 1."""
    starts = torch.arange(0, side, region, dtype=torch.float64)
    ends = (starts + region).clamp_max(side)
    borders = torch.arange(cells + 1, dtype=torch.float64) * side / cells
    overlap = torch.minimum(ends[:, None], borders[1:]) - torch.maximum(starts[:, None], borders[:-1])
    return overlap.clamp_min(0) / (ends - starts)[:, None]
