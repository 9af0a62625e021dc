"""When a scheduler ends a trial: one decision after each report, the same in every executor.

A rule knows nothing but the reports it was given, so that one rebuilt from the reports of earlier starts decides as the
unbroken one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Protocol

from search_spaces.halving import Halving
from search_spaces.objective import Objective
from search_spaces.schedulers import Asha, HyperBand, MedianStopping, Scheduler


class Rule(Protocol):
    """Decides after each report whether a trial goes on."""

    def stops(self, trial: str, epoch: int, value: float) -> bool:
        """Record a report and say whether the trial ends by it."""
        ...


def make_rule(
    scheduler: Scheduler | None, objective: Objective, history: Iterable[tuple[str, int, float]] = ()
) -> Rule:
    """The rule of a scheduler, told of the reports of earlier starts.

    Args:
        scheduler: its description; None ends no trial.
        objective: what is compared.
        history: (trial's name, epoch, value) in order of time.
    """
    rule = _rule(scheduler, objective)
    for trial, epoch, value in history:
        rule.stops(trial, epoch, value)
    return rule


def _rule(scheduler: Scheduler | None, objective: Objective) -> Rule:
    if isinstance(scheduler, Asha):
        return Halving(scheduler, objective)
    if isinstance(scheduler, MedianStopping):
        return Median(scheduler, objective)
    if isinstance(scheduler, HyperBand):
        return Brackets(scheduler, objective)
    return Never()


class Never:
    """Every trial runs to its end; also under PBT, whose generations the driver decides (`search_spaces.population`)."""

    def stops(self, trial: str, epoch: int, value: float) -> bool:
        """No."""
        return False


class Brackets:
    """Successive halving in several brackets (`HyperBand`)."""

    def __init__(self, spec: HyperBand, objective: Objective) -> None:
        self._spec = spec
        self._brackets = [Halving(spec.halving(each), objective) for each in range(spec.brackets)]

    def stops(self, trial: str, epoch: int, value: float) -> bool:
        """Record a report in the trial's own bracket."""
        number = int(trial.rsplit("-", 1)[1])
        return self._brackets[self._spec.bracket(number)].stops(trial, epoch, value)


class Median:
    """The median stopping rule (`MedianStopping`).

    A trial's reports come in order of epochs. Sums up to each epoch are kept, so that a decision takes one step for each
    trial and not one for each of its epochs.
    """

    def __init__(self, spec: MedianStopping, objective: Objective) -> None:
        self._spec = spec
        self._objective = objective
        self._best: dict[str, float] = {}
        self._last: dict[str, int] = {}
        self._means: dict[str, dict[int, float]] = {}
        self._sums: dict[str, float] = {}

    def stops(self, trial: str, epoch: int, value: float) -> bool:
        """Record a report; a trial ends if its best value is worse than the median of the others' means up to the epoch."""
        signed = self._objective.signed(value)
        if epoch <= self._last.get(trial, 0) or not math.isfinite(signed):
            return False
        self._last[trial] = epoch
        self._best[trial] = min(signed, self._best.get(trial, math.inf))
        if epoch < self._spec.grace_epochs:
            return False
        means = self._means.setdefault(trial, {})
        self._sums[trial] = self._sums.get(trial, 0.0) + signed
        means[epoch] = self._sums[trial] / (len(means) + 1)
        others = [
            theirs[epoch] for name, theirs in self._means.items() if name != trial and epoch in theirs
        ]  # one that ended before is no measure
        if len(others) < self._spec.min_trials:
            return False
        return self._best[trial] > statistics.median(others)
