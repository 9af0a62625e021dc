"""Learning curves: a metric by epoch, every trial a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, BAD, SECOND, SOFT, add_lines, new_axes, whole_numbers
from orchestrator.figures.words import metric_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from orchestrator.storage.ledger import Row

SHOWN = ("train/loss", "val/nll", "val/accuracy")


def draw_learning_curves(figure: FigureBase, rows: Sequence[Row], metric: str, *, best: str | None = None) -> None:
    """One metric by epoch, a line a row; the best row stands out, stopped and failed ones end with a mark.

    Args:
        figure: to draw on.
        rows: of the ledger.
        metric: as in the reports.
        best: name of the row that stands out, and whose kept epoch is marked.
    """
    axes = new_axes(figure, title=metric_label(metric), x="epoch")
    whole_numbers(axes)
    lines = {row.name: points for row in rows if (points := _points(row, metric))}
    add_lines(axes, [points for name, points in lines.items() if name != best], colour=SOFT, width=1.2)
    for state, mark in (("stopped", SECOND), ("failed", BAD)):
        ends = [lines[row.name][-1] for row in rows if row.state == state and row.name in lines]
        if ends:
            axes.plot(*zip(*ends, strict=True), color=mark, linestyle="", marker="x", markersize=6, markeredgewidth=1.8)
    for row in rows:
        if row.name == best and row.name in lines:
            _best_line(axes, row, lines[row.name])


def _points(row: Row, metric: str) -> list[tuple[int, float]]:
    return [
        (each.epoch, each.metrics[metric]) for each in row.reports if math.isfinite(each.metrics.get(metric, math.nan))
    ]


def _best_line(axes: Axes, row: Row, points: Sequence[tuple[int, float]]) -> None:
    """The best row, with the epoch whose weights it keeps."""
    add_lines(axes, [points], colour=ACCENT, width=2.4)
    kept = [point for point in points if row.best is not None and point[0] == row.best.epoch]
    if kept:
        axes.plot(*zip(*kept, strict=True), color=ACCENT, linestyle="", marker="o", markersize=7)
