"""Parallel coordinates: every trial a line through its parameters to its objective."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, GRID, INK, MUTED, SECOND, SOFT, SURFACE, add_lines, new_axes, plain
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
    others = [draw for draw in ranked if not draw.is_best]
    top = len(ranked) - max(1, len(ranked) // 3)
    looks = (
        (others[:top], SOFT, 1.1),
        (others[top:], ACCENT, 1.8),
        ([draw for draw in ranked if draw.is_best], SECOND, 2.8),
    )
    for some, colour, width in looks:
        _lines(axes, some, parameters, last, colour, width)
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


def _lines(
    axes: Axes, draws: Sequence[Draw], parameters: Sequence[Parameter], last: Parameter, colour: str, width: float
) -> None:
    """Trials that look alike."""
    paths = [_path(draw, parameters, last) for draw in draws]
    steps = [step for path in paths for step in pairwise(path)]
    add_lines(axes, [step for step in steps if step[1][0] == step[0][0] + 1], colour=colour, width=width)
    add_lines(axes, [step for step in steps if step[1][0] != step[0][0] + 1], colour=colour, width=width, style=":")
    if points := [point for path in paths for point in path]:
        axes.plot(*zip(*points, strict=True), color=colour, linestyle="", marker="o", markersize=4)


def _path(draw: Draw, parameters: Sequence[Parameter], last: Parameter) -> list[tuple[int, float]]:
    """Place and height at every axis that the trial has."""
    points = [
        (place, parameter.height(value))
        for place, parameter in enumerate(parameters)
        if (value := draw.params.get(parameter.name)) is not None
    ]
    return [*points, (len(parameters), last.height(draw.value))]


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
