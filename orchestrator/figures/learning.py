"""Learning curves: a metric by epoch, every trial a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, BAD, SECOND, SOFT, new_axes, whole_numbers
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
    for row in sorted(rows, key=lambda row: row.name == best):
        _line(axes, row, metric, is_best=row.name == best)


def _line(axes: Axes, row: Row, metric: str, *, is_best: bool) -> None:
    points = [
        (each.epoch, each.metrics[metric]) for each in row.reports if math.isfinite(each.metrics.get(metric, math.nan))
    ]
    if not points:
        return
    epochs, values = zip(*points, strict=True)
    colour, width = (ACCENT, 2.4) if is_best else (SOFT, 1.2)
    axes.plot(epochs, values, color=colour, linewidth=width, marker="o" if len(points) == 1 else None, markersize=4)
    if row.state in ("stopped", "failed"):
        mark = BAD if row.state == "failed" else SECOND
        axes.plot(epochs[-1:], values[-1:], color=mark, marker="x", markersize=6, markeredgewidth=1.8)
    if is_best and row.best is not None and row.best.epoch in epochs:
        place = epochs.index(row.best.epoch)
        axes.plot([epochs[place]], [values[place]], color=ACCENT, marker="o", markersize=7)
