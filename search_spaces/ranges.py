"""Whether one range of a parameter contains another: a search may be widened, and keeps what it has drawn."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)


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
