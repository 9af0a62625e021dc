"""Two aims against each other: trials as points, those that no other beats in both joined by a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.figures.canvas import ACCENT, INK, SECOND, SOFT, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

NAMED = 8
"""As many points on the front get their names."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A metric and its better end."""

    name: str
    mode: Literal["min", "max"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network with its two values."""

    name: str
    x: float
    y: float
    is_best: bool = False


def front_of(points: Sequence[Point], x: Aim, y: Aim) -> list[Point]:
    """The points that no other one equals in one aim and beats in the other, by x."""

    def losses(point: Point) -> tuple[float, float]:
        return (point.x if x.mode == "min" else -point.x, point.y if y.mode == "min" else -point.y)

    front: list[Point] = []
    best = float("inf")
    for (_, second), point in sorted(((losses(point), point) for point in points), key=lambda pair: pair[0]):
        if second < best or (front and losses(point) == losses(front[-1])):
            front.append(point)
            best = second
    return sorted(front, key=lambda point: (point.x, point.y))


def draw_front(figure: FigureBase, points: Sequence[Point], x: Aim, y: Aim) -> None:
    """Every network as a point, the front as a line, the best trial ringed."""
    arrows = {"min": "less is better", "max": "more is better"}
    axes = new_axes(figure, x=f"{x.name} ({arrows[x.mode]})", y=f"{y.name} ({arrows[y.mode]})")
    front = front_of(points, x, y)
    axes.plot([p.x for p in points], [p.y for p in points], "o", color=SOFT, markersize=5)
    axes.plot([p.x for p in front], [p.y for p in front], "-o", color=ACCENT, markersize=5.5, linewidth=1.4)
    for best in (p for p in points if p.is_best):
        axes.plot([best.x], [best.y], "o", markersize=11, markerfacecolor="none", color=SECOND, markeredgewidth=1.8)
    for point in front[:NAMED]:
        axes.annotate(
            plain(point.name), (point.x, point.y), textcoords="offset points", xytext=(5, 4), fontsize=7.5, color=INK
        )
    axes.margins(0.12)
