"""The search: the objective by trial and by parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from orchestrator.figures.canvas import ACCENT, BAD, INK, MUTED, SECOND, legend, new_axes, plain, whole_numbers
from orchestrator.figures.words import metric_label
from search_spaces.objective import Objective

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
        value: the objective, at the best epoch of a trial that was stopped.
        params: what was drawn; a conditional parameter may be absent.
        is_best: whether it is the best trial.
    """

    number: int
    state: str
    value: float
    params: Mapping[str, Any] = field(default_factory=dict)
    is_best: bool = False


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An axis of the space.

    Attributes:
        name: of the parameter.
        choices: of a categorical one, in order; empty for numbers.
        low, high: of a number.
        log: whether it is drawn on a logarithmic scale.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    def height(self, value: Any) -> float:
        """Where a value stands between the ends of the axis, from 0 to 1."""
        if self.choices:
            return self.choices.index(value) / max(1, len(self.choices) - 1)
        low, high, place = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        return (place - low) / (high - low) if high > low else 0.5


def draw_search(figure: FigureBase, draws: Sequence[Draw], objective: Objective) -> None:
    """The objective by the number of the trial, and the best so far of the completed ones."""
    label = f"{metric_label(objective.metric)} ({objective.mode})"
    axes = new_axes(figure, title="Objective by trial", x="trial", y=label)
    whole_numbers(axes)
    _scatter(axes, draws, lambda draw: draw.number)
    done = sorted((draw.number, draw.value) for draw in draws if draw.state == "completed")
    if done:
        numbers, values = zip(*done, strict=True)
        best = list(accumulate(values, min if objective.mode == "min" else max))
        last = max(draw.number for draw in draws)
        axes.step([*numbers, last], [*best, best[-1]], where="post", color=INK, linewidth=1.4, label="best so far")
    legend(axes)


def draw_parameter(figure: FigureBase, draws: Sequence[Draw], parameter: Parameter, objective: Objective) -> None:
    """The objective by one parameter, over the whole range that was searched."""
    axes = new_axes(figure, title=parameter.name, y=metric_label(objective.metric))
    known = [draw for draw in draws if draw.params.get(parameter.name) is not None]
    if parameter.choices:
        _choices(axes, parameter)
        _scatter(
            axes, known, lambda draw: parameter.choices.index(draw.params[parameter.name]) + draw.number % 5 / 20 - 0.1
        )
    else:
        _range(axes, parameter)
        _scatter(axes, known, lambda draw: draw.params[parameter.name])
    values = [draw.value for draw in draws]  # one scale for all parameters
    margin = 0.08 * (max(values) - min(values)) or 0.1
    axes.set_ylim(min(values) - margin, max(values) + margin)


def _choices(axes: Axes, parameter: Parameter) -> None:
    names = [plain(str(choice)) for choice in parameter.choices]
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) * len(names) > 36:
        axes.tick_params(axis="x", labelrotation=18)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
    axes.set_xlim(-0.5, len(names) - 0.5)


def _range(axes: Axes, parameter: Parameter) -> None:
    if not parameter.high > parameter.low:
        return
    if not parameter.log:
        margin = 0.04 * (parameter.high - parameter.low)
        axes.set_xlim(parameter.low - margin, parameter.high + margin)
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    margin = (parameter.high / parameter.low) ** 0.04
    axes.set_xscale("log")
    axes.set_xlim(parameter.low / margin, parameter.high * margin)
    subs = (1.0, 2.0, 5.0) if parameter.high / parameter.low < 1e3 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _scatter(axes: Axes, draws: Sequence[Draw], place: Callable[[Draw], float]) -> None:
    for state, (colour, marker) in STATES.items():
        some = [draw for draw in draws if draw.state == state]
        if some:
            points = [place(draw) for draw in some], [draw.value for draw in some]
            axes.scatter(*points, color=colour, marker=marker, s=36, label=state)
    for draw in draws:
        if draw.is_best:
            point = [place(draw)], [draw.value]
            axes.scatter(*point, s=130, facecolors="none", edgecolors=SECOND, linewidths=2, label="best")
