"""A grid of radiographs under maps, put together as one picture: fifty panels of their own take seconds to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.saliency import OUTLINE, heat_colours, outlines

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

SIDE = 120
"""Pixels of a cell's side."""
GAP, CAPTION = 6, 19
"""Pixels between two columns, and above each cell."""
PER_INCH = 82


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One image of the grid.

    Attributes:
        pixels: [height, width] uint8.
        heat: [rows, columns], not negative, at any resolution; None for the image alone.
        largest: value of the strongest colour; None for the map's own maximum.
        mask: [height, width], outlined; None where it is not known.
        title, colour: of the caption above it.
    """

    pixels: NDArray[np.uint8]
    title: str
    colour: str
    heat: NDArray[np.float64] | None = None
    largest: float | None = None
    mask: NDArray[np.bool_] | None = None


def mosaic_size(rows: int, columns: int) -> tuple[float, float]:
    """Width and height in inches of a grid of so many cells."""
    width, height = _extent(rows, columns)
    return width / PER_INCH, height / PER_INCH


def draw_mosaic(figure: FigureBase, cells: Sequence[Sequence[Cell]]) -> None:
    """Draw rows of cells; all rows have the same number."""
    width, height = _extent(len(cells), len(cells[0]))
    canvas = np.zeros((height, width, 4), np.uint8)
    axes = figure.subplots()
    axes.set_axis_off()
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            top, left = (SIDE + CAPTION) * row + CAPTION, (SIDE + GAP) * column
            canvas[top : top + SIDE, left : left + SIDE] = _picture(cell)
            axes.text(
                left + SIDE / 2,
                top - 4,
                cell.title,
                fontsize=8,
                color=cell.colour,
                ha="center",
                va="bottom",
                clip_on=True,
            )
            if cell.mask is not None:
                scale = SIDE / np.array([cell.mask.shape[1], cell.mask.shape[0]])
                for points in outlines(cell.mask):
                    axes.plot(*(points * scale + (left, top)).T, color=OUTLINE, linewidth=0.9)
    axes.imshow(canvas, extent=(0, width, height, 0), interpolation="none")  # as SVG its own pixels, not more
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _extent(rows: int, columns: int) -> tuple[int, int]:
    return (SIDE + GAP) * columns - GAP, (SIDE + CAPTION) * rows


def _picture(cell: Cell) -> NDArray[np.uint8]:
    """The cell in colours, [SIDE, SIDE, 4]."""
    grey = np.repeat(_enlarged(cell.pixels)[..., None], 3, axis=2)
    if cell.heat is not None:
        heat = cell.heat / (cell.largest or max(float(cell.heat.max()), 1e-9))
        colours = heat_colours(np.clip(_enlarged(heat), 0, 1)).astype(float)
        alpha = colours[..., 3:] / 255
        grey = grey * (1 - alpha) + colours[..., :3] * alpha
    opaque = np.full((SIDE, SIDE, 1), 255.0)
    return np.concatenate([np.clip(grey, 0, 255), opaque], axis=2).round().astype(np.uint8)


def _enlarged(values: NDArray[np.generic]) -> NDArray[np.float64]:
    from PIL import Image

    picture = Image.fromarray(values.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    enlarged: NDArray[np.float64] = np.asarray(picture, dtype=float)
    return enlarged
