"""How much of the objective's variation each drawn parameter explains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import ACCENT, INK, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


def draw_importance(figure: FigureBase, shares: Mapping[str, float], title: str) -> None:
    """A bar a parameter, the largest on top; shares of one."""
    axes = new_axes(figure, title=title, x="share of the variation")
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(range(len(names)), [shares[name] for name in names], color=ACCENT, height=0.6)
    axes.set_yticks(range(len(names)), [plain(name) for name in names], color=INK)
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1)
