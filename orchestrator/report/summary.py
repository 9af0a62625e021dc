"""What a reader wants to know first: the best network, the best ensemble, the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.results import ResultRow
from search_spaces.objective import Objective


def best_trial(rows: Sequence[ResultRow], objective: Objective) -> ResultRow | None:
    """The best completed trial by the objective on val; of equals the earlier one."""
    return best_of([row for row in rows if row.kind == "trial"], objective)


def best_of(rows: Sequence[ResultRow], objective: Objective) -> ResultRow | None:
    """The best completed row by the objective, which is a metric on val; the first of equals."""
    known = [row for row in rows if row.state == "completed" and is_number(row.metrics.get(objective.metric))]
    return min(known, key=lambda row: objective.signed(row.metrics[objective.metric] or 0.0), default=None)


def pareto_front(rows: Sequence[ResultRow], objectives: Sequence[Objective]) -> list[ResultRow]:
    """Completed trials that no other one beats in an objective without losing in another."""
    known = {
        row.name: tuple(objective.signed(row.metrics[objective.metric] or 0.0) for objective in objectives)
        for row in rows
        if row.kind == "trial"
        and row.state == "completed"
        and all(is_number(row.metrics.get(objective.metric)) for objective in objectives)
    }

    def is_beaten(point: tuple[float, ...]) -> bool:
        return any(
            other != point and all(a <= b for a, b in zip(other, point, strict=True)) for other in known.values()
        )

    return [row for row in rows if row.name in known and not is_beaten(known[row.name])]


def is_number(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)
