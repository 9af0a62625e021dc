"""Reliability diagrams: accuracy against confidence, with the number of images behind each bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, BAD, INK, MUTED, SOFT, new_figure, plain, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

    from trainables.metrics import ReliabilityCurve
    from trainables.predictions import Predictions


def draw_reliability(figure: FigureBase, curve: ReliabilityCurve, title: str) -> None:
    """Accuracy of each confidence bin above, the images in it below; red is the gap to perfect calibration."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    edges, counts = curve.edges.numpy(), curve.counts.numpy()
    filled = counts > 0
    middles, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    accuracy, confidence = curve.accuracy.numpy()[filled], curve.confidence.numpy()[filled]
    style(above)
    style(below)
    above.bar(middles[filled], accuracy, width * 0.92, color=ACCENT, alpha=0.85)
    above.bar(
        middles[filled],
        confidence - accuracy,
        width * 0.92,
        accuracy,
        color=BAD,
        alpha=0.28,
        edgecolor=BAD,
        linewidth=0.8,
    )
    above.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
    above.set_xlim(0, 1)
    above.set_ylim(0, 1)
    above.set_ylabel("accuracy", fontsize=10, color=MUTED)
    above.set_title(plain(title), fontsize=11, color=INK, loc="left", fontweight="bold")
    above.text(0.03, 0.95, f"ECE {curve.calibration_error():.3f}", va="top", fontsize=11, color=INK)
    below.bar(middles, counts, width * 0.92, color=SOFT)
    below.set_ylabel("images", fontsize=10, color=MUTED)
    below.set_xlabel("confidence", fontsize=10, color=MUTED)


def reliability_figure(predictions: Mapping[str, Predictions]) -> Figure:
    """Diagrams side by side, one for each of the predictions, under its name."""
    from trainables.metrics import reliability

    figure = new_figure(3.6 * len(predictions), 4)
    parts = figure.subfigures(1, len(predictions), squeeze=False)[0]
    for part, (title, each) in zip(parts, predictions.items(), strict=True):
        draw_reliability(part, reliability(each), title)
    return figure
