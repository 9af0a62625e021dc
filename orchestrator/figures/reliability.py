"""Reliability diagrams: accuracy against confidence, with the number of images behind each bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.figures.canvas import ACCENT, BAD, INK, MUTED, SOFT, plain, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from trainables.metrics import ReliabilityCurve

WORDS = {"images": ("accuracy", "confidence", "ECE"), "labels": ("share present", "probability", "ECE over all labels")}


def draw_reliability(figure: FigureBase, curve: ReliabilityCurve, title: str) -> None:
    """Accuracy of each confidence bin above, the images in it below (Guo et al. 2017, figure 1).

    Of labels that do not exclude each other, the share present in each bin of their probability; all labels together.

    A bar ends at the accuracy. Red is what the network claims beyond that; pale is where it is right more often than it
    claims. The calibration error stands in the title.
    """
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    style(above)
    style(below)
    width = float(curve.edges[1] - curve.edges[0])
    middles = (curve.edges[:-1] + curve.edges[1:]).numpy() / 2
    _bars(above, curve, middles, width * 0.92)
    above.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
    above.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1))
    rises, along, error = WORDS[curve.counted]
    above.set_ylabel(rises, fontsize=10, color=MUTED)
    title = f"{plain(title)}\n{error} {curve.calibration_error():.3f}"
    above.set_title(title, fontsize=11, color=INK, loc="left", fontweight="bold")
    below.bar(middles, curve.counts.numpy(), width * 0.92, color=SOFT)
    below.set_ylabel(curve.counted, fontsize=10, color=MUTED)
    below.set_xlabel(along, fontsize=10, color=MUTED)


def _bars(axes: Axes, curve: ReliabilityCurve, middles: np.ndarray, width: float) -> None:
    filled = curve.counts.numpy() > 0
    middles, accuracy, confidence = middles[filled], curve.accuracy.numpy()[filled], curve.confidence.numpy()[filled]
    agreed = np.minimum(accuracy, confidence)
    axes.bar(middles, agreed, width, color=ACCENT)
    axes.bar(middles, np.maximum(accuracy - confidence, 0), width, agreed, color=ACCENT, alpha=0.45)
    axes.bar(middles, np.maximum(confidence - accuracy, 0), width, agreed, color=BAD, alpha=0.4)
