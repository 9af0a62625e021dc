"""The search: the objective by trial, by parameter, and all parameters side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.figures.canvas import ACCENT, BAD, GRID, INK, MUTED, SECOND, SOFT, legend, new_axes, plain
from orchestrator.figures.words import metric_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

STATES = {"completed": (ACCENT, "o"), "stopped": (SECOND, "x"), "running": (MUTED, "."), "failed": (BAD, "x")}


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A trial as a point of the search.

    Attributes:
        number: of the draw.
        state: of the trial.
        value: the objective, at the last epoch of a trial that was stopped; None where it has none.
        params: what was drawn; a conditional parameter may be absent.
        is_best: whether it is the best trial.
    """

    number: int
    state: str
    value: float | None
    params: Mapping[str, Any] = field(default_factory=dict)
    is_best: bool = False


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An axis of the space.

    Attributes:
        name: of the parameter.
        choices: of a categorical one, in order; empty for numbers.
        log: whether it is drawn on a logarithmic scale.
    """

    name: str
    choices: tuple[Any, ...] = ()
    log: bool = False

    def place(self, value: Any) -> float:
        """Where a value stands: a choice by its number, a number by itself or by its logarithm."""
        if self.choices:
            return float(self.choices.index(value))
        return math.log10(value) if self.log else float(value)


def draw_search(figure: FigureBase, draws: Sequence[Draw], metric: str, mode: Literal["min", "max"]) -> None:
    """The objective by the number of the trial, and the best so far of the completed ones."""
    axes = new_axes(figure, title="Objective by trial", x="trial", y=f"{metric_label(metric)} ({mode})")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _scatter(axes, [draw for draw in draws if draw.value is not None], lambda draw: float(draw.number))
    done = [(draw.number, draw.value) for draw in draws if draw.state == "completed" and draw.value is not None]
    if done:
        numbers, values = zip(*sorted(done), strict=True)
        best = list(accumulate(values, min if mode == "min" else max))
        axes.step(
            [*numbers, draws[-1].number], [*best, best[-1]], where="post", color=INK, linewidth=1.4, label="best so far"
        )
        legend(axes, loc="best")


def draw_parameter(figure: FigureBase, draws: Sequence[Draw], parameter: Parameter, metric: str) -> None:
    """The objective by one parameter."""
    axes = new_axes(figure, title=parameter.name, y=metric_label(metric))
    known = [draw for draw in draws if draw.value is not None and draw.params.get(parameter.name) is not None]
    if parameter.choices:
        axes.set_xticks(
            range(len(parameter.choices)), [plain(str(choice)) for choice in parameter.choices], rotation=15
        )
        axes.set_xlim(-0.5, len(parameter.choices) - 0.5)
        _scatter(axes, known, lambda draw: parameter.place(draw.params[parameter.name]) + (draw.number % 5 - 2) * 0.06)
        return
    if parameter.log:
        axes.set_xscale("log")
    _scatter(axes, known, lambda draw: float(draw.params[parameter.name]))


def draw_parallel(
    figure: FigureBase, draws: Sequence[Draw], parameters: Sequence[Parameter], metric: str, mode: Literal["min", "max"]
) -> None:
    """Each trial as a line through its parameters to its objective; the best third stand out.

    A parameter that a trial has not (another branch of the space) leaves a gap in its line.
    """
    axes = new_axes(figure, title="Parameters side by side")
    known = [draw for draw in draws if draw.value is not None]
    known.sort(key=lambda draw: (draw.value or 0.0) * (1 if mode == "max" else -1))
    for rank, draw in enumerate(known):
        top = rank >= len(known) - max(1, len(known) // 3)
        heights = [_height(parameter, draws, draw) for parameter in parameters] + [_objective_height(known, draw)]
        colour, width = (SECOND, 2.6) if draw.is_best else (ACCENT, 1.6) if top else (SOFT, 1.0)
        axes.plot(range(len(heights)), heights, color=colour, linewidth=width, marker="o", markersize=3.5)
    names = [parameter.name for parameter in parameters] + [metric_label(metric)]
    axes.set_xticks(range(len(names)), [plain(name.replace(" on ", "\non ")) for name in names], color=INK)
    axes.set_yticks([])
    axes.set_ylim(-0.12, 1.12)
    axes.spines["left"].set_visible(False)
    for place, parameter in enumerate(parameters):
        _ends(axes, place, *_range_labels(parameter, draws))
    if known:
        values = [draw.value for draw in known if draw.value is not None]
        _ends(axes, len(parameters), f"{min(values):.3g}", f"{max(values):.3g}")


def _scatter(axes: Axes, draws: Sequence[Draw], place: Any) -> None:
    for state, (colour, marker) in STATES.items():
        some = [draw for draw in draws if draw.state == state]
        if some:
            axes.scatter(
                [place(draw) for draw in some],
                [draw.value for draw in some],
                color=colour,
                marker=marker,
                s=34,
                label=state,
            )
    for draw in draws:
        if draw.is_best:
            axes.scatter(
                [place(draw)], [draw.value], s=130, facecolors="none", edgecolors=SECOND, linewidths=2, label="best"
            )


def _places(parameter: Parameter, draws: Sequence[Draw]) -> list[float]:
    return [parameter.place(value) for draw in draws if (value := draw.params.get(parameter.name)) is not None]


def _height(parameter: Parameter, draws: Sequence[Draw], draw: Draw) -> float:
    value = draw.params.get(parameter.name)
    if value is None:
        return math.nan
    places = [0.0, float(len(parameter.choices) - 1)] if parameter.choices else _places(parameter, draws)
    return _share(parameter.place(value), places)


def _objective_height(draws: Sequence[Draw], draw: Draw) -> float:
    return _share(draw.value or 0.0, [each.value for each in draws if each.value is not None])


def _share(value: float, values: Sequence[float]) -> float:
    low, high = min(values), max(values)
    return (value - low) / (high - low) if high > low else 0.5


def _range_labels(parameter: Parameter, draws: Sequence[Draw]) -> tuple[str, str]:
    if parameter.choices:
        return str(parameter.choices[0]), str(parameter.choices[-1])
    numbers = [value for draw in draws if (value := draw.params.get(parameter.name)) is not None]
    return (f"{min(numbers):.3g}", f"{max(numbers):.3g}") if numbers else ("", "")


def _ends(axes: Axes, place: int, low: str, high: str) -> None:
    axes.axvline(place, color=GRID, linewidth=1.2, zorder=0)
    for height, text, side in ((-0.02, low, "top"), (1.02, high, "bottom")):
        axes.text(place, height, plain(text), ha="center", va=side, fontsize=8.5, color=MUTED)
