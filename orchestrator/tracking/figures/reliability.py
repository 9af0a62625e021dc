"""Reliability diagrams (Guo et al. 2017, figure 1), with the number of images in each bin below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.tracking.figures.canvas import BLUE, GREY, RED, dress, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trainables.metrics import ReliabilityCurve


def reliability_diagrams(curves: Mapping[str, ReliabilityCurve], title: str = "") -> bytes:
    """One diagram a curve, side by side: accuracy in bins of confidence, the gap to it, and the counts.

    Args:
        curves: by the name that stands above each, such as `as trained` and `temperature`.
        title: above all.

    Raises:
        ValueError: nothing to draw.
    """
    if not curves:
        raise ValueError("reliability_diagrams() got no curve. Pass at least one, see trainables.metrics.reliability.")
    figure = new_figure(3.3 * len(curves) + 0.3, 4.3)
    panels = figure.subplots(2, len(curves), squeeze=False, height_ratios=[3, 1], sharex=True)
    for column, (name, curve) in enumerate(curves.items()):
        _draw_curve(panels[0][column], name, curve, is_first=column == 0)
        _draw_counts(panels[1][column], curve, is_first=column == 0)
    if title:
        figure.suptitle(title, fontsize=11)
    return to_png(figure)


def _draw_curve(axes: Axes, name: str, curve: ReliabilityCurve, *, is_first: bool) -> None:
    edges = curve.edges.numpy()
    filled = curve.counts.numpy() > 0
    accuracy, confidence = curve.accuracy.numpy()[filled], curve.confidence.numpy()[filled]
    width = edges[1] - edges[0]
    left = edges[:-1][filled]
    axes.bar(left, accuracy, width, align="edge", color=BLUE, edgecolor="white", label="accuracy")
    axes.bar(left, confidence - accuracy, width, bottom=accuracy, align="edge", color=RED, alpha=0.35, label="gap")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    dress(axes, title=f"{name}\nECE {100 * curve.calibration_error():.1f} %", y="accuracy" if is_first else "")
    if is_first:
        axes.legend(fontsize=8, frameon=False, loc="upper left")


def _draw_counts(axes: Axes, curve: ReliabilityCurve, *, is_first: bool) -> None:
    edges = curve.edges.numpy()
    axes.bar(edges[:-1], curve.counts.numpy(), edges[1] - edges[0], align="edge", color=GREY, edgecolor="white")
    dress(axes, x="confidence", y="images" if is_first else "")
