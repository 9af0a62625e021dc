"""Risk-coverage and referral curves: what is wrong among the decisions that a network is surest of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.figures.canvas import ACCENT, MUTED, SECOND, legend, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

LINES = ((ACCENT, "-"), (SECOND, "-"), (MUTED, "--"), (ACCENT, ":"))


def draw_risk_coverage(figure: FigureBase, curves: Mapping[str, Any], title: str) -> None:
    """Share of wrong decisions among the surest ones, by how many are kept (Geifman and El-Yaniv 2017).

    Args:
        figure: to draw on.
        curves: by name, the risks at coverages 0 to 100 %, evenly spaced.
        title: above it.
    """
    axes = new_axes(figure, title=title, x="decisions kept, surest first, %", y="wrong among them, %")
    _draw(axes, curves)
    axes.set_ylim(bottom=0)


def draw_referral(figure: FigureBase, curves: Mapping[str, Any], title: str) -> None:
    """Accuracy of what remains when the decisions of highest entropy are referred to a person.

    Args:
        figure: to draw on.
        curves: by name, the accuracies after 0 to 100 % are referred, evenly spaced.
        title: above it.
    """
    axes = new_axes(figure, title=title, x="decisions referred, least sure first, %", y="right among the rest, %")
    _draw(axes, curves)
    axes.set_ylim(top=101)


def draw_shift(figure: FigureBase, values: Mapping[str, Any], title: str, y: str) -> None:
    """A metric by severity of corruption, a line a corruption; severity 0 is the images as they are.

    Args:
        figure: to draw on.
        values: by corruption, the metric at severities 0 to 5.
        title: above it.
        y: name of the metric.
    """
    axes = new_axes(figure, title=title, x="severity of the corruption", y=y)
    for number, (name, along) in enumerate(values.items()):
        marker = "os^Dvx"[number % 6]
        axes.plot(np.arange(len(along)), np.asarray(along), marker=marker, markersize=4, linewidth=1.6, label=name)
    legend(axes)


def _draw(axes: Any, curves: Mapping[str, Any]) -> None:
    for (name, curve), (colour, line) in zip(curves.items(), LINES, strict=False):
        along = 100 * np.asarray(curve)
        axes.plot(np.linspace(0, 100, len(along)), along, color=colour, linestyle=line, linewidth=2, label=name)
    legend(axes)
