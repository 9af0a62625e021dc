"""How sure members are which region of an image matters more (what paper P0 left open)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.figures.canvas import ACCENT, GRID, INK, MUTED, style
from orchestrator.figures.overlay import show_pixels
from orchestrator.figures.saliency import heat_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from numpy.typing import NDArray

MOST_REGIONS = 8
ROW_INCHES = 2.5


def regions_size(tensors: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height in inches of `draw_regions`."""
    return 9.2, ROW_INCHES * len(tensors["shown/rows"])


def draw_regions(figure: FigureBase, tensors: Mapping[str, Any]) -> None:
    """An image a row: its regions by their share of the relevance, and the largest of them with what the members say.

    A dot is the median share over the members, its line their 95 % interval. Beside it stands the share of the members for
    which that region outranks the one below it: near 0.5 the order of the two means nothing.

    Args:
        figure: to draw on.
        tensors: arrays of a result of `MemberMaps` or `EnsembleMaps`, with `shown/rows`, `regions/...`.
    """
    rows = np.asarray(tensors["shown/rows"])
    lines = figure.subplots(len(rows), 3, squeeze=False, gridspec_kw={"width_ratios": (1, 1, 2.1)})
    for line, pixels, row in zip(lines, np.asarray(tensors["shown/pixels"]), rows, strict=True):
        median = np.asarray(tensors["regions/median"][row], dtype=float)
        grid = median.reshape(tuple(np.asarray(tensors["regions/grid"])))
        top = np.argsort(-median, kind="stable")[:MOST_REGIONS]
        show_pixels(line[0], pixels)
        _draw_grid(line[1], pixels, grid, top)
        _draw_intervals(line[2], tensors, int(row), top)
    lines[0, 0].set_title("radiograph", fontsize=9, color=MUTED, loc="left")
    lines[0, 1].set_title("median share of a region", fontsize=9, color=MUTED, loc="left")
    lines[0, 2].set_title("share of the relevance, % (95 % of the members)", fontsize=9, color=MUTED, loc="left")


def _draw_grid(axes: Axes, pixels: NDArray[np.uint8], grid: NDArray[np.float64], top: NDArray[np.int64]) -> None:
    from matplotlib.patheffects import Normal, Stroke

    height, width = pixels.shape
    tall, wide = -(-height // grid.shape[0]), -(-width // grid.shape[1])  # as the regions are cut: rounded up
    show_pixels(axes, pixels)
    cells = np.kron(grid / max(float(grid.max()), 1e-12), np.ones((tall, wide)))[:height, :width].astype(np.float64)
    axes.imshow(heat_colours(cells), interpolation="none")
    for rank, region in enumerate(top, start=1):
        down, across = divmod(int(region), grid.shape[1])
        middle = ((across + 0.5) * wide - 0.5, (down + 0.5) * tall - 0.5)
        text = axes.annotate(str(rank), middle, color="white", fontsize=7.5, ha="center", va="center")
        text.set_path_effects([Stroke(linewidth=1.6, foreground=INK), Normal()])


def _draw_intervals(axes: Axes, tensors: Mapping[str, Any], row: int, top: NDArray[np.int64]) -> None:
    style(axes)
    axes.grid(axis="y", visible=False)
    low, median, high = (
        100 * np.asarray(tensors[f"regions/{name}"][row], dtype=float) for name in ("low", "median", "high")
    )
    outranks = np.asarray(tensors["regions/outranks"][row], dtype=float)
    places = np.arange(len(top))
    axes.hlines(places, low[top], high[top], color=ACCENT, linewidth=2.2, alpha=0.55)
    axes.plot(median[top], places, "o", color=ACCENT, markersize=4.5)
    right = max(float(high[top].max()), 1e-3)  # of a flat map no region has a share
    for place in places[:-1]:
        certain = outranks[top[place], top[place + 1]]
        axes.text(right * 1.06, place + 0.5, f"{certain:.2f}", fontsize=7.5, color=INK, va="center")
    axes.text(right * 1.06, -0.75, "outranks the next", fontsize=7, color=MUTED, va="bottom")
    axes.set_xlim(0, right * 1.35)
    axes.set_ylim(len(top) - 0.5, -0.6)
    axes.set_yticks(places, [str(place + 1) for place in places])
    axes.tick_params(labelsize=8)
    axes.spines["left"].set_color(GRID)
