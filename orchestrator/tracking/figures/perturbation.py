"""Perturbation curves of explanations, and the area over them (paper P3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.tracking.figures.canvas import BLUE, GREY, dress, new_figure, to_png


def perturbation_curves(tensors: Mapping[str, Any], title: str = "") -> bytes:
    """Probability of the predicted class while regions are perturbed, and the AOPC up to each step.

    Args:
        tensors: arrays `curve`, `random_curve`, `aopc_by_step`, `random_aopc_by_step` [L + 1] of an AOPC result.
        title: above all.

    Raises:
        ValueError: the result has no curve, because no image was predicted correctly.
    """
    if "curve" not in tensors:
        raise ValueError("perturbation_curves() got a result without a curve: no image was predicted correctly.")
    figure = new_figure(6.6, 2.9)
    left, right = figure.subplots(1, 2)
    for axes, ordered, control in (
        (left, "curve", "random_curve"),
        (right, "aopc_by_step", "random_aopc_by_step"),
    ):
        axes.plot(tensors[ordered], color=BLUE, linewidth=1.8, label="most relevant first")
        axes.plot(tensors[control], color=GREY, linewidth=1.5, linestyle="--", label="random order")
    dress(left, title="perturbation curve", x="perturbed regions", y="probability of the predicted class")
    left.set_ylim(0, 1)
    dress(right, title="area over it", x="perturbed regions", y="AOPC")
    right.legend(fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    return to_png(figure)
