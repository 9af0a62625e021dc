"""Perturbation curves: how fast the predicted probability falls as relevant regions are perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, MUTED, legend, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase
    from torch import Tensor


def draw_perturbation(figure: FigureBase, tensors: Mapping[str, Tensor], title: str) -> None:
    """Mean probability of the predicted class by the share of regions perturbed, beside a random order.

    The area between the curves is what the maps know: shaded.

    Args:
        figure: to draw on.
        tensors: of an AOPC result, with `curve` and `random_curve` [L + 1].
        title: names the network.
    """
    along, control = tensors["curve"].numpy(), tensors["random_curve"].numpy()
    axes = new_axes(figure, title=title, x="regions perturbed, %", y="probability")
    share = [100 * step / (len(along) - 1) for step in range(len(along))]
    axes.plot(share, control, color=MUTED, linewidth=1.6, linestyle=(0, (4, 3)), label="random order")
    axes.plot(share, along, color=ACCENT, linewidth=2.2, label="most relevant first")
    axes.fill_between(share, along, control, color=ACCENT, alpha=0.12, linewidth=0)
    axes.set_ylim(0, 1)
    legend(axes, loc="best")


def perturbation_figure(tensors: Mapping[str, Tensor], title: str) -> Figure:
    """One network's curve as a picture of its own."""
    figure = new_figure(5, 3.6)
    draw_perturbation(figure, tensors, title)
    return figure
