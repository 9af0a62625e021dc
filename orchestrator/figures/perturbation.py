"""Perturbation curves: how fast the predicted probability falls as relevant regions are perturbed (paper P3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.figures.canvas import ACCENT, MUTED, legend, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


def draw_perturbation(figure: FigureBase, tensors: Mapping[str, Any], title: str) -> None:
    """Mean probability of the predicted class by the share of regions perturbed, beside a random order.

    The area between the curves is what the maps know: shaded.

    Args:
        figure: to draw on.
        tensors: arrays of an AOPC result, with `curve` and `random_curve` [L + 1], and with the ends of the curve's interval
            (`curve/low`, `curve/high`) where there are images enough for one.
        title: names the network.
    """
    axes = new_axes(figure, title=title, x="regions perturbed, %", y="probability of the class")
    _draw(axes, tensors, "curve", "random_curve")
    if np.asarray(tensors["curve"]).min() >= 0 and np.asarray(tensors["curve"]).max() <= 1:  # logits lie anywhere
        axes.set_ylim(0, 1)


def draw_area_by_step(figure: FigureBase, tensors: Mapping[str, Any], title: str) -> None:
    """The AOPC up to each step (P3, Fig. 8), from `aopc_by_step` and `random_aopc_by_step` [L + 1]."""
    axes = new_axes(figure, title=title, x="regions perturbed, %", y="AOPC")
    _draw(axes, tensors, "aopc_by_step", "random_aopc_by_step")


def _draw(axes: Axes, tensors: Mapping[str, Any], ordered: str, control: str) -> None:
    along, between = np.asarray(tensors[ordered]), np.asarray(tensors[control])
    share = np.linspace(0, 100, len(along))
    axes.plot(share, between, color=MUTED, linewidth=1.6, linestyle=(0, (4, 3)), label="random order")
    axes.plot(share, along, color=ACCENT, linewidth=2.2, label="in the map's order")
    if f"{ordered}/low" in tensors:
        low, high = np.asarray(tensors[f"{ordered}/low"]), np.asarray(tensors[f"{ordered}/high"])
        axes.plot(share, low, color=ACCENT, linewidth=0.7, alpha=0.8, label="95 % interval")
        axes.plot(share, high, color=ACCENT, linewidth=0.7, alpha=0.8)
    axes.fill_between(share, along, between, color=ACCENT, alpha=0.14, linewidth=0)
    legend(axes)
