"""Whether one range of a parameter contains another: a search may be widened, and keeps what it has drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from trainables.spec import nearest


def is_within(before: BaseDistribution, now: BaseDistribution) -> bool:
    """Whether every value of one range is a value of the other, counted on the same scale.

    Numbers keep their scale (linear or logarithmic) and their step, and a stepped range grows by whole steps; choices may be
    added.
    """
    if isinstance(before, CategoricalDistribution) and isinstance(now, CategoricalDistribution):
        return all(choice in now.choices for choice in before.choices)
    if isinstance(before, FloatDistribution) and isinstance(now, FloatDistribution):
        return _contains(before, now)
    if isinstance(before, IntDistribution) and isinstance(now, IntDistribution):
        return _contains(before, now)
    return False


def _contains(before: FloatDistribution | IntDistribution, now: FloatDistribution | IntDistribution) -> bool:
    same_scale = (before.log, before.step) == (now.log, now.step)
    if not same_scale or before.low < now.low or before.high > now.high:
        return False
    if before.step is None:
        return True
    steps = (before.low - now.low) / before.step
    return abs(steps - round(steps)) < 1e-9


def widest(low: float, high: float, asked: tuple[float, float] | None) -> tuple[float, float]:
    """A range that holds both the space's own and the one that was asked for."""
    return (low, high) if asked is None else (min(low, asked[0]), max(high, asked[1]))


def parse_ranges(texts: Sequence[str], params: Mapping[str, BaseDistribution]) -> dict[str, tuple[float, float]]:
    """Read `learning_rate=1e-5..1e-1`.

    Args:
        texts: what the user wrote.
        params: the parameters of the space as they are now.

    Raises:
        ValueError: no such number, or a range that does not contain the present one.
    """
    found = {}
    for text in texts:
        name, _, range_text = text.partition("=")
        low_text, _, high_text = range_text.partition("..")
        try:
            low, high = float(low_text), float(high_text)
        except ValueError:
            raise ValueError(f"--widen {text!r} wants NAME=LOW..HIGH, such as learning_rate=1e-5..1e-1.") from None
        if name not in params:
            raise ValueError(f"--widen {text}: this space has no such parameter. {nearest(name, params)}")
        now = params[name]
        if not isinstance(now, FloatDistribution | IntDistribution):
            raise ValueError(f"--widen {text}: {name} is a choice. Add choices in the space's file, and extend again.")
        if isinstance(now, IntDistribution) and (low, high) != (int(low), int(high)):
            raise ValueError(f"--widen {text}: {name} is a whole number, and so are its ends.")
        if low > now.low or high < now.high:
            raise ValueError(
                f"--widen {text}: the range is {now.low:g}..{now.high:g} now, and {low:g}..{high:g} does not contain it. What "
                "was drawn would lie outside; give the ends of a wider range, or start another sweep."
            )
        if now.log and low <= 0:
            raise ValueError(f"--widen {text}: {name} is drawn on a log scale, which begins above 0.")
        found[name] = (low, high)
    return found
