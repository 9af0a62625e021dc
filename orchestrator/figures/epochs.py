"""Several numbers by epoch in one figure: classes of a network, or values of a parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import INK, MUTED, legend, new_axes, whole_numbers
from orchestrator.figures.compared import LINES

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


def draw_by_epoch(
    figure: FigureBase,
    lines: Mapping[str, Sequence[float]],
    *,
    title: str,
    y: str,
    kept: int | None = None,
    second_from: int | None = None,
) -> None:
    """A line a name, from epoch 1; a thin upright line at the epoch whose weights were kept.

    Args:
        figure: to draw on.
        lines: values by name; NaN where one is not defined.
        title: above it.
        y: name of the values.
        kept: epoch that was kept, or None.
        second_from: the epoch at which the second of two stages begins, or None.
    """
    axes = new_axes(figure, title=title, x="epoch", y=y)
    whole_numbers(axes)
    for (name, values), colour in zip(lines.items(), (*LINES, *LINES), strict=False):
        points = [(epoch, value) for epoch, value in enumerate(values, start=1) if math.isfinite(value)]
        if points:
            epochs, found = zip(*points, strict=True)
            axes.plot(epochs, found, color=colour, linewidth=1.8, label=name, marker="o", markersize=3)
    if kept is not None:
        axes.axvline(kept, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    if second_from is not None:
        axes.axvline(second_from - 0.5, color=INK, linewidth=1.1)
        axes.text(
            second_from - 0.4, 0.02, "second stage", transform=axes.get_xaxis_transform(), fontsize=8.5, color=MUTED
        )
    legend(axes)
