from __future__ import annotations

import pytest

from orchestrator.figures.canvas import new_figure
from orchestrator.figures.front import Aim, Point, draw_front, front_of

MORE, LESS = Aim(name="AUROC", mode="max"), Aim(name="ECE", mode="min")
POINTS = [
    Point(name="a", x=0.9, y=0.20),
    Point(name="b", x=0.8, y=0.10),
    Point(name="c", x=0.8, y=0.15),
    Point(name="d", x=0.7, y=0.10),
    Point(name="e", x=0.95, y=0.30),
    Point(name="twin", x=0.9, y=0.20),
]


def test_the_front_holds_what_no_other_point_beats() -> None:
    def beats(one: Point, other: Point) -> bool:
        return (one.x >= other.x and one.y <= other.y) and (one.x > other.x or one.y < other.y)

    slow = {point.name for point in POINTS if not any(beats(other, point) for other in POINTS)}
    assert {point.name for point in front_of(POINTS, MORE, LESS)} == slow == {"a", "b", "e", "twin"}


@pytest.mark.parametrize(
    ("x", "y", "names"), [(LESS, LESS, {"d"}), (MORE, MORE, {"e"}), (LESS, MORE, {"d", "c", "a", "twin", "e"})]
)
def test_directions_change_the_front(x: Aim, y: Aim, names: set[str]) -> None:
    assert {point.name for point in front_of(POINTS, x, y)} == names


def test_it_draws_a_ring_around_the_best() -> None:
    figure = new_figure(4, 3)
    draw_front(figure, [*POINTS, Point(name="best", x=0.85, y=0.12, is_best=True)], MORE, LESS)
    axes = figure.axes[0]
    assert any(line.get_markersize() == 11 for line in axes.lines)
    assert "more is better" in axes.get_xlabel()
