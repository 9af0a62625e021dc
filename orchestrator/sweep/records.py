"""Rows of the ledger in the words of the searcher and the scheduler."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from orchestrator.results import found, prefixed
from orchestrator.storage.ledger import Row
from orchestrator.storage.store import Store
from search_spaces.objective import Objective, is_late
from search_spaces.study import PastTrial
from trainables.spec import Ensemble, PosthocSpec


def objective_values(
    store: Store, row: Row, objectives: Sequence[Objective], tasks: Sequence[PosthocSpec]
) -> list[float]:
    """The row's objectives at the epoch whose weights it keeps; late ones from its post-hoc results. Empty if unknown."""
    metrics: dict[str, float | None] = dict(row.best.metrics) if row.best else {}
    if any(is_late(objective.metric) for objective in objectives):
        network_tasks = [task for task in tasks if not isinstance(task, Ensemble)]
        for task, _, manifest in found(store, network_tasks, row.key):
            metrics |= prefixed(task.name, manifest.meta["metrics"])
    values = [metrics.get(objective.metric) for objective in objectives]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return known if len(known) == len(objectives) else []


def past_trials(
    store: Store, rows: Iterable[Row], objectives: Sequence[Objective], tasks: Sequence[PosthocSpec]
) -> list[PastTrial]:
    """The draws of earlier starts, by number."""
    trials = sorted((row for row in rows if row.kind == "trial"), key=lambda row: row.number)
    return [
        PastTrial(
            number=row.number,
            params=row.params,
            distributions=row.distributions,
            spec=row.spec,
            state=row.state,
            values=objective_values(store, row, objectives, tasks),
            epochs=len(row.reports),
        )
        for row in trials
    ]


def scheduler_history(rows: Iterable[Row], objective: Objective) -> list[tuple[str, int, float]]:
    """Every report of earlier starts in order of time: (trial, epoch, value)."""
    reports = [
        (report.time, row.name, report.epoch, report.metrics[objective.metric])
        for row in rows
        if row.kind == "trial"
        for report in row.reports
        if objective.metric in report.metrics
    ]
    return [(name, epoch, value) for _, name, epoch, value in sorted(reports)]
