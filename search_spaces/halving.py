"""Asynchronous successive halving, step by step.

A test feeds this and Ray Tune's scheduler the same reports and compares their decisions.
"""

from __future__ import annotations

import numpy as np

from search_spaces.objective import Objective
from search_spaces.schedulers import Asha


class Halving:
    """Decides after each report whether a trial goes on (Li et al. 2020, Algorithm 2, stopping variant).

    Args:
        spec: first rung and reduction factor.
        objective: what is compared.
    """

    def __init__(self, spec: Asha, objective: Objective) -> None:
        self._spec = spec
        self._objective = objective
        self._rungs: dict[int, dict[str, float]] = {}

    def stops(self, trial: str, epoch: int, value: float) -> bool:
        """Record a report and say whether the trial ends by it.

        A trial is judged once at every rung, against those that reached the rung before it: it ends if it is worse than
        the best 1/reduction_factor of them.
        """
        rung = self._spec.grace_epochs
        while rung * self._spec.reduction_factor <= epoch:
            rung *= self._spec.reduction_factor
        recorded = self._rungs.setdefault(rung, {})
        if epoch < rung or trial in recorded:
            return False
        reward = -self._objective.signed(value)
        share = (1 - 1 / self._spec.reduction_factor) * 100
        stops = bool(recorded) and reward < float(np.percentile(list(recorded.values()), share))
        recorded[trial] = reward
        return stops
