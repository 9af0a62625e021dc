"""Every point of a space whose parameters are finite, in order: a grid is enumerated, not sampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

LARGEST = 10_000
"""Points beyond which a grid is taken for a mistake."""


def points(draw: Callable[[Any], object]) -> list[dict[str, Any]]:
    """Enumerate the parameters that a space can draw; a condition opens its own branch.

    The last parameter asked for changes fastest, as in nested loops.

    Args:
        draw: the space, or what wraps it; called once a point.

    Raises:
        ValueError: a parameter with no end of values, or too many points.
    """
    found: list[dict[str, Any]] = []
    places: list[int] = []
    while True:
        walk = _Walk(places)
        draw(walk)
        found.append(walk.params)
        if len(found) > LARGEST:
            raise ValueError(f"The grid has more than {LARGEST:,} points. Search it with tpe or random instead.")
        places = walk.next_places()
        if not places:
            return found


class _Walk:
    """A trial that takes the value at a given place for every parameter, and the first one beyond."""

    def __init__(self, places: Sequence[int]) -> None:
        self.params: dict[str, Any] = {}
        self._given = list(places)
        self._taken: list[tuple[int, int]] = []

    def next_places(self) -> list[int]:
        """Places of the next point, empty after the last one."""
        taken = list(self._taken)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return []
        return [place for place, _ in taken[:-1]] + [taken[-1][0] + 1]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._take(name, list(choices))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        if log:
            raise _endless(name, "an integer on a log scale")
        return int(self._take(name, list(range(low, high + 1, step))))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        if step is None or log:
            raise _endless(name, "a float without a step")
        count = int((high - low) / step + 1e-9) + 1
        return float(self._take(name, [min(high, round(low + n * step, 12)) for n in range(count)]))

    def _take(self, name: str, values: list[Any]) -> Any:
        if name not in self.params:
            number = len(self._taken)
            place = self._given[number] if number < len(self._given) else 0
            self._taken.append((place, len(values)))
            self.params[name] = values[place]
        return self.params[name]


def _endless(name: str, what: str) -> ValueError:
    return ValueError(
        f"The parameter {name!r} is {what}, which has no end of values for a grid. Use suggest_categorical, or a step; or "
        "fix it with --set."
    )
