"""Rows of the ledger in the words of the searcher and the scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from orchestrator.errors import StorageError
from orchestrator.results import found, prefixed
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from search_spaces.objective import Objective, is_late
from search_spaces.study import PastTrial
from trainables.spec import NetworkTask


def objective_values(row: Row, objectives: Sequence[Objective]) -> list[float]:
    """The row's objectives at the epoch whose weights it keeps; empty if one of them is unknown."""
    metrics = {**(row.best.metrics if row.best else {}), **row.late}
    values = [metrics.get(objective.metric) for objective in objectives]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return known if len(known) == len(objectives) else []


def late_values(
    store: Store, row: Row, objectives: Sequence[Objective], tasks: Sequence[NetworkTask]
) -> dict[str, float]:
    """Objectives that stand in the post-hoc results of a complete trial."""
    metrics: dict[str, float | None] = {}
    for task, _, manifest in found(store, tasks, row.key):
        metrics |= prefixed(task.name, manifest.meta["metrics"])
    values = {each.metric: metrics.get(each.metric) for each in objectives if is_late(each.metric)}
    return {name: value for name, value in values.items() if value is not None}


def past_trials(rows: Iterable[Row], objectives: Sequence[Objective]) -> list[PastTrial]:
    """The draws of earlier starts, by number."""
    trials = sorted((row for row in rows if row.kind == "trial"), key=lambda row: row.number)
    return [
        PastTrial(
            number=row.number,
            params=row.params,
            distributions=row.distributions,
            spec=row.spec,
            state=row.state,
            values=objective_values(row, objectives),
            epochs=len(row.reports),
            notes=row.notes,
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


class Recorded(AbstractContextManager[None]):
    """Writes down that a driver ended by an error, so that `status` can say so."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            self._ledger.write_outcome("failed", str(error))
        elif error is not None:
            self._ledger.write_outcome("interrupted")


class Fault(AbstractContextManager[None]):
    """Keeps an error of the storage until the executor has ended in order, whose loop would wrap it in errors of its own.

    Args:
        on_fault: ends the executor's loop.
    """

    def __init__(self, on_fault: Callable[[], None]) -> None:
        self._on_fault = on_fault
        self._error: StorageError | None = None

    def note(self, error: StorageError) -> None:
        """Keep an error; the first one counts."""
        self._error = self._error or error
        self._on_fault()

    def raise_if_any(self) -> None:
        """Raise what was kept."""
        if self._error is not None:
            raise self._error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, StorageError):
            self.note(error)
        return isinstance(error, StorageError)
