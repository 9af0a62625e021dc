"""Maps of several members as grids: members by images, ways of aggregating, and what rotation does (paper P1, Figures 2 to 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import ACCENT, BAD, GOOD, INK, MUTED, SECOND, legend, new_axes, plain
from orchestrator.figures.mosaic import Cell, draw_mosaic

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

AGGREGATED = "shown/aggregated/"
LONGEST = 15
"""Letters of a class name above a map."""


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
    maps, mean = _array(tensors, f"{prefix}/maps"), _array(tensors, f"{prefix}/aggregated/mean")
    probabilities, pooled = _array(tensors, f"{prefix}/probabilities"), _array(tensors, f"{prefix}/pooled")
    targets, masks = np.asarray(tensors["shown/targets"]), _masks(tensors) if prefix == "shown" else None
    cells = []
    for row, pixels in enumerate(np.asarray(tensors[f"{prefix}/pixels"])):
        one = partial(Cell, pixels=pixels, mask=None if masks is None else masks[row])
        line = [one(title=f"true: {_true(classes, targets[row])}", colour=INK)]
        for heat, said in zip(maps[:, row], probabilities[:, row], strict=True):
            title, colour = _predicted(said, targets[row], classes)
            line.append(one(heat=heat, title=title, colour=colour))
        title, colour = _predicted(pooled[row], targets[row], classes)
        cells.append([*line, one(heat=mean[row], title=f"all: {title}", colour=colour)])
    draw_mosaic(figure, cells)


def aggregations_shape(tensors: Mapping[str, Any]) -> tuple[int, int]:
    """Rows and columns of `draw_aggregations`."""
    return len(tensors["shown/pixels"]), len(aggregation_ways(tensors)) + 3


def draw_aggregations(figure: FigureBase, tensors: Mapping[str, Any], classes: Sequence[str]) -> None:
    """An image a row: as it is, under the map of every way of aggregating, and where members differ (P1, Figure 3).

    The last two columns are the standard deviation over the members, of values from 0 to 1 (shown from 0 to the 0.5 that it
    can reach), and the share of the members that count a pixel among their own top fifth. Every other map is shown divided by
    its own maximum.
    """
    targets, masks = np.asarray(tensors["shown/targets"]), _masks(tensors)
    cells = []
    for row, pixels in enumerate(np.asarray(tensors["shown/pixels"])):
        one = partial(Cell, pixels=pixels, mask=None if masks is None else masks[row])
        line = [one(title=f"true: {_true(classes, targets[row])}", colour=INK)]
        line += [
            one(heat=_array(tensors, AGGREGATED + way)[row], title=way_label(way), colour=INK)
            for way in aggregation_ways(tensors)
        ]
        for name, largest in (("deviation", 0.5), ("agreement", 1.0)):
            line.append(one(heat=_array(tensors, f"shown/{name}")[row], largest=largest, title=name, colour=MUTED))
        cells.append(line)
    draw_mosaic(figure, cells)


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
    axes.set_ylim(min(0.0, float(np.nanmin(np.asarray(tensors["angles/map_correlation"]))) - 0.05), 1.05)
    legend(axes)


def way_label(way: str) -> str:
    """`percentile_75` as `percentile 75`."""
    return "one network" if way == "single" else way.replace("_", " ")


def aggregation_ways(tensors: Mapping[str, Any]) -> list[str]:
    """Ways to aggregate that a result has maps of, one network's first."""
    known = ["single", "mean", "intersection", "median", "union"]
    found = [name.removeprefix(AGGREGATED) for name in tensors if name.startswith(AGGREGATED)]
    return sorted(found, key=lambda way: known.index(way) if way in known else 3.5)


def _true(classes: Sequence[str], target: int) -> str:
    return _short(classes[target]) if target >= 0 else "no label"


def _short(name: str) -> str:
    return plain(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")


def _predicted(probabilities: NDArray[np.float64], target: int, classes: Sequence[str]) -> tuple[str, str]:
    best = int(probabilities.argmax())
    return f"{_short(classes[best])} {probabilities[best]:.2f}", GOOD if best == target else BAD


def _array(tensors: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    return np.asarray(tensors[name], dtype=float)


def _masks(tensors: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    masks = tensors.get("shown/masks")
    return None if masks is None else np.asarray(masks, dtype=bool)
