"""Quality of an ensemble by its number of members (paper P1, Table 1), from the metrics of its result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, SECOND, legend, new_axes, whole_numbers

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

SHOWN = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "nll": "NLL",
    "ece": "ECE, 15 bins",
    "ece_5_bins": "ECE, 5 bins",
}
STAGES = {"test": "pooled", "temperature/test": "after temperature"}
COLOURS = {"test": ACCENT, "temperature/test": SECOND}
RANKED = ("accuracy", "macro_f1", "auroc")
"""A temperature leaves these as they are, but for AUROC in a few places: they are drawn once."""


@dataclass(frozen=True, kw_only=True)
class SizePoint:
    """What subsets of one size reach.

    Attributes:
        size: members.
        mean: over the subsets.
        deviation: standard deviation over them; None for a single subset.
        error: standard error of the mean, likewise.
    """

    size: int
    mean: float
    deviation: float | None
    error: float | None


def size_points(metrics: Mapping[str, float | None], name: str) -> list[SizePoint]:
    """The points of a metric such as `test/nll` by size; empty where the ensemble has no sizes."""
    points = []
    for key, mean in metrics.items():
        found = re.fullmatch(rf"size_(\d+)/{re.escape(name)}", key)
        if found and mean is not None:
            deviation, error = metrics.get(f"{key}/sd"), metrics.get(f"{key}/se")
            points.append(SizePoint(size=int(found[1]), mean=mean, deviation=deviation, error=error))
    return sorted(points, key=lambda point: point.size)


def sized_metrics(metrics: Mapping[str, float | None]) -> list[str]:
    """The metrics of `SHOWN` that are known by size."""
    return [name for name in SHOWN if size_points(metrics, f"test/{name}")]


def draw_sizes(figure: FigureBase, metrics: Mapping[str, float | None], name: str, title: str = "") -> None:
    """A metric on test by the number of members; bars are the standard deviation over random subsets, as P1 prints it.

    Args:
        figure: to draw on.
        metrics: of the ensemble.
        name: one of `SHOWN`.
        title: above it.
    """
    axes = new_axes(figure, title=title or SHOWN[name], x="members", y=f"{SHOWN[name]} on test")
    stages: Sequence[str] = ("test",) if name in RANKED else tuple(STAGES)
    for stage in stages:
        points = size_points(metrics, f"{stage}/{name}")
        axes.errorbar(
            [point.size for point in points],
            [point.mean for point in points],
            yerr=[point.deviation or 0.0 for point in points],
            color=COLOURS[stage],
            marker="o",
            markersize=4.5,
            linewidth=1.8,
            capsize=3,
            label=STAGES[stage],
        )
    whole_numbers(axes)
    if len(stages) > 1:
        legend(axes)
