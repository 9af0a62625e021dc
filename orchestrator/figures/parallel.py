"""Parallel coordinates: every trial a line through its parameters to its objective."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, GRID, INK, MUTED, SECOND, SOFT, SURFACE, new_axes, plain
from orchestrator.figures.search import Draw, Parameter
from orchestrator.figures.words import metric_label
from search_spaces.objective import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


def draw_parallel(
    figure: FigureBase, draws: Sequence[Draw], parameters: Sequence[Parameter], objective: Objective
) -> None:
    """The best trial orange, the best third blue; a line is dotted where it passes parameters that the trial has not.

    Args:
        figure: to draw on.
        draws: at least one.
        parameters: the axes, from left to right; the objective is the last one.
        objective: its axis is drawn as the parameters are, low at the bottom.
    """
    axes = new_axes(figure, title="Parameters side by side")
    last = _objective_axis(draws, objective)
    ranked = sorted(draws, key=lambda draw: -objective.signed(draw.value))
    for rank, draw in enumerate(ranked):
        is_top = rank >= len(ranked) - max(1, len(ranked) // 3)
        colour, width = (SECOND, 2.8) if draw.is_best else (ACCENT, 1.8) if is_top else (SOFT, 1.1)
        _line(axes, draw, parameters, last, colour, width)
    for place, parameter in enumerate([*parameters, last]):
        _axis(axes, place, parameter)
    names = [parameter.name for parameter in parameters] + [metric_label(objective.metric).replace(" after", "\nafter")]
    axes.set_xticks(range(len(names)), [plain(name) for name in names], color=INK)
    axes.set_yticks([])
    axes.set(ylim=(-0.12, 1.12), xlim=(-0.4, len(names) - 0.2))
    axes.spines["left"].set_visible(False)


def _objective_axis(draws: Sequence[Draw], objective: Objective) -> Parameter:
    values = [draw.value for draw in draws]
    return Parameter(name=objective.metric, low=min(values), high=max(values))


def _line(axes: Axes, draw: Draw, parameters: Sequence[Parameter], last: Parameter, colour: str, width: float) -> None:
    points = [
        (place, parameter.height(value))
        for place, parameter in enumerate(parameters)
        if (value := draw.params.get(parameter.name)) is not None
    ]
    end = last.height(draw.value)
    points.append((len(parameters), end))
    for (x, y), (next_x, next_y) in pairwise(points):
        line = "-" if next_x == x + 1 else ":"
        axes.plot([x, next_x], [y, next_y], color=colour, linewidth=width, linestyle=line)
    axes.plot(*zip(*points, strict=True), color=colour, linestyle="", marker="o", markersize=4)


def _axis(axes: Axes, place: int, parameter: Parameter) -> None:
    axes.axvline(place, color=GRID, linewidth=1.2, zorder=0)
    if parameter.choices:
        for choice in parameter.choices:
            height = parameter.height(choice)
            label = axes.text(place + 0.05, height, plain(str(choice)), va="center", fontsize=9, color=INK)
            label.set_bbox({"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.8, "pad": 1})
        return
    for height, value, side in ((-0.03, parameter.low, "top"), (1.03, parameter.high, "bottom")):
        axes.text(place, height, f"{value:.3g}", ha="center", va=side, fontsize=9, color=MUTED)
