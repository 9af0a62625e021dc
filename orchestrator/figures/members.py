"""Maps of several members as grids: members by images, ways of aggregating, and what rotation does (paper P1, Figures 2 to 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import ACCENT, BAD, GOOD, INK, MUTED, SECOND, legend, new_axes, plain
from orchestrator.figures.saliency import OUTLINE, heat_colours, outlines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

AGGREGATED = "shown/aggregated/"
SMALL = 8.0
LONGEST = 15
"""Letters of a class name above a map."""
CELL = 1.45
"""Side of a grid's cell in inches."""


def grid_size(rows: int, columns: int) -> tuple[float, float]:
    """Width and height in inches of a grid of so many cells."""
    return CELL * columns + 0.25, (CELL + 0.17) * rows + 0.25


def members_shape(tensors: Mapping[str, Any], prefix: str = "shown") -> tuple[int, int]:
    """Rows and columns of `draw_members`."""
    members, images = np.asarray(tensors[f"{prefix}/maps"]).shape[:2]
    return images, members + 2


def draw_members(figure: FigureBase, tensors: Mapping[str, Any], classes: Sequence[str], prefix: str = "shown") -> None:
    """An image a row: as it is, under each member's map, under their mean (P1, Figure 2).

    Above each map stands what that member predicts and how sure it is, in green where it is right. The map is of the class
    that all members predict together.

    Args:
        figure: to draw on.
        tensors: arrays of a result with `<prefix>/pixels` and so on (see `trainables.posthoc.map_pictures`).
        classes: names in the order of the probabilities.
        prefix: `shown`, or `rotated` for the images that were rotated (P1, Figure 4).
    """
    maps = np.asarray(tensors[f"{prefix}/maps"], dtype=float)
    probabilities = np.asarray(tensors[f"{prefix}/probabilities"], dtype=float)
    pooled = np.asarray(tensors[f"{prefix}/pooled"], dtype=float)
    targets = np.asarray(tensors["shown/targets"])
    masks = tensors.get("shown/masks") if prefix == "shown" else None
    mean = np.asarray(tensors[f"{prefix}/aggregated/mean"], dtype=float)
    grid = figure.subplots(*members_shape(tensors, prefix), squeeze=False)
    for row, pixels in enumerate(np.asarray(tensors[f"{prefix}/pixels"])):
        mask = None if masks is None else np.asarray(masks[row], dtype=bool)
        _image(grid[row][0], pixels, None, mask, f"true: {_short(classes[targets[row]])}", INK)
        for member in range(len(maps)):
            title, colour = _predicted(probabilities[member, row], targets[row], classes)
            _image(grid[row][member + 1], pixels, maps[member, row], mask, title, colour)
        title, colour = _predicted(pooled[row], targets[row], classes)
        _image(grid[row][-1], pixels, mean[row], mask, f"all: {title}", colour)


def aggregations_shape(tensors: Mapping[str, Any]) -> tuple[int, int]:
    """Rows and columns of `draw_aggregations`."""
    return len(tensors["shown/pixels"]), len(_ways(tensors)) + 3


def draw_aggregations(figure: FigureBase, tensors: Mapping[str, Any], classes: Sequence[str]) -> None:
    """An image a row: as it is, under the map of every way of aggregating, and where members differ (P1, Figure 3).

    The last two columns are the standard deviation over the members, of values from 0 to 1 (shown from 0 to the 0.5 that it
    can reach), and the share of the members that count a pixel among their own top fifth. Every other map is shown divided by
    its own maximum.
    """
    ways = _ways(tensors)
    targets = np.asarray(tensors["shown/targets"])
    masks = tensors.get("shown/masks")
    grid = figure.subplots(*aggregations_shape(tensors), squeeze=False)
    for row, pixels in enumerate(np.asarray(tensors["shown/pixels"])):
        mask = None if masks is None else np.asarray(masks[row], dtype=bool)
        _image(grid[row][0], pixels, None, mask, f"true: {_short(classes[targets[row]])}", INK)
        for column, way in enumerate(ways, 1):
            heat = np.asarray(tensors[AGGREGATED + way][row], dtype=float)
            _image(grid[row][column], pixels, heat, mask, way_label(way) if row == 0 else "", INK)
        deviation = np.asarray(tensors["shown/deviation"][row], dtype=float)
        agreement = np.asarray(tensors["shown/agreement"][row], dtype=float)
        _image(grid[row][-2], pixels, 2 * deviation, mask, "deviation" if row == 0 else "", MUTED, largest=1)
        _image(grid[row][-1], pixels, agreement, mask, "agreement" if row == 0 else "", MUTED, largest=1)


def draw_rotation(figure: FigureBase, tensors: Mapping[str, Any], title: str) -> None:
    """Accuracy of all members together, and the map's correlation with that of the image as it is, by angle."""
    axes = new_axes(figure, title=title, x="rotated by, degrees")
    angles = np.asarray(tensors["angles"])
    for name, label, colour in (
        ("accuracy", "accuracy", ACCENT),
        ("map_correlation", "correlation of maps", SECOND),
    ):
        axes.plot(angles, np.asarray(tensors[f"angles/{name}"]), color=colour, linewidth=2, marker="o", label=label)
    axes.set_xticks(angles)
    axes.set_ylim(min(0.0, float(np.asarray(tensors["angles/map_correlation"]).min()) - 0.05), 1.05)
    legend(axes)


def way_label(way: str) -> str:
    """`percentile_75` as `percentile 75`."""
    return "one network" if way == "single" else way.replace("_", " ")


def _ways(tensors: Mapping[str, Any]) -> list[str]:
    known = ["single", "mean", "intersection", "median", "union"]
    found = [name.removeprefix(AGGREGATED) for name in tensors if name.startswith(AGGREGATED)]
    return sorted(found, key=lambda way: known.index(way) if way in known else 3.5)


def _short(name: str) -> str:
    return plain(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")


def _predicted(probabilities: NDArray[np.float64], target: int, classes: Sequence[str]) -> tuple[str, str]:
    best = int(probabilities.argmax())
    return f"{_short(classes[best])} {probabilities[best]:.2f}", GOOD if best == target else BAD


def _image(
    axes: Axes,
    pixels: NDArray[np.uint8],
    heat: NDArray[np.float64] | None,
    mask: NDArray[np.bool_] | None,
    title: str,
    colour: str,
    largest: float | None = None,
) -> None:
    """The map in colours from 0 to `largest`, or to its own maximum, over the image."""
    extent = (0, pixels.shape[1], pixels.shape[0], 0)
    axes.set_axis_off()
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent)
    if heat is not None:
        shown = heat / (largest or max(float(heat.max()), 1e-9))
        axes.imshow(heat_colours(_enlarged(shown, pixels.shape)), extent=extent)
    for line in outlines(mask) if mask is not None else []:
        axes.plot(*line.T, color=OUTLINE, linewidth=0.9)
    axes.set_title(title, fontsize=SMALL, color=colour, pad=3)


def _enlarged(heat: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    from PIL import Image

    picture = Image.fromarray(heat.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    enlarged: NDArray[np.float64] = np.clip(np.asarray(picture, dtype=float), 0, 1)
    return enlarged
