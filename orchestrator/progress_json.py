"""A sweep's progress for logs and programs: one JSON object a line on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from orchestrator.counts import generations_of, trial_counts
from orchestrator.gpu_use import GpuWatch
from orchestrator.pace import planned_epochs, seconds_left

if TYPE_CHECKING:
    from orchestrator.storage.ledger import Row
    from orchestrator.sweep.driver import SweepDriver
    from orchestrator.sweep.reconcile import Reconciler

SUMMARY_SECONDS = 10.0


class ProgressJson:
    """Writes a line for every change of a trial, of the post-hoc queue and of the data, and a summary now and then.

    Each line has `time`, seconds since 1970, `sweep` and `event`: `decoding`, `data`, `note`, `trial` (also of members),
    `posthoc`, or `summary`.

    Args:
        name: name of the sweep.
        stream: where lines go; stderr if left out.
        summary_seconds: time between two summaries at least.
    """

    def __init__(self, name: str, *, stream: TextIO | None = None, summary_seconds: float = SUMMARY_SECONDS) -> None:
        self._name = name
        self._stream = stream
        self._since = time.time()
        self._told: dict[str, tuple[object, ...]] = {}
        self._gpus = GpuWatch()
        self._every = summary_seconds
        self._next_summary = 0.0
        self._last: tuple[SweepDriver, Reconciler] | None = None

    def __enter__(self) -> ProgressJson:
        return self

    def __exit__(self, *_: object) -> None:
        """The last line is a summary of how it ended."""
        if self._last is not None:
            self._write("summary", **self._summary(*self._last))

    def decoding(self, done: int, total: int) -> None:
        """Images are being decoded: a line for every tenth of them."""
        if self._is_new("decoding", (10 * done // max(1, total), total)):
            self._write("decoding", done=done, total=total)

    def data_ready(self, text: str) -> None:
        """A data set is in the store."""
        self._write("data", text=text)

    def note(self, text: str) -> None:
        """What is being done now."""
        self._write("note", text=text)

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        """A row or a task has changed."""
        rows = list(driver.rows.values())
        for row in rows:
            if self._is_new(row.name, (row.state, len(row.reports))) and self._is_of_this_start(row):
                self._write("trial", **_row(row, driver.first_objective.metric))
        queue = _queue(reconciler)
        if any(queue.values()) and self._is_new("posthoc", tuple(queue.values())):
            self._write("posthoc", **queue)
        self._last = driver, reconciler
        if time.monotonic() >= self._next_summary:
            self._next_summary = time.monotonic() + self._every
            self._write("summary", **self._summary(driver, reconciler))

    def _summary(self, driver: SweepDriver, reconciler: Reconciler) -> dict[str, Any]:
        sweep, rows = driver.sweep, list(driver.rows.values())
        trials = [row.state for row in rows if row.kind == "trial"]
        counts = trial_counts(trials, wanted=sweep.trials, population=driver.interval > 0)
        generations = generations_of(rows, interval=driver.interval, wanted=sweep.trials)
        now = time.time()
        left = seconds_left(rows, trials=sweep.trials, members=sweep.member_seeds, since=self._since, now=now)
        return {
            "trials": {"wanted": sweep.trials, **{state: count for state, count in counts.items() if count}},
            **({"population": vars(generations)} if generations else {}),
            "posthoc": _queue(reconciler),
            "seconds_left": None if left is None else round(left, 1),
            "gpus": [vars(each) for each in self._gpus()],
        }

    def _is_new(self, what: str, said: tuple[object, ...]) -> bool:
        before, self._told[what] = self._told.get(what), said
        return before != said

    def _is_of_this_start(self, row: Row) -> bool:
        return row.state == "running" or row.ended >= self._since

    def _write(self, event: str, **values: Any) -> None:
        line = {"time": round(time.time(), 3), "sweep": self._name, "event": event, **values}
        print(json.dumps(line), file=self._stream or sys.stderr, flush=True)


def _queue(reconciler: Reconciler) -> dict[str, int]:
    return {"done": len(reconciler.done), "queued": len(reconciler.pending), "failed": len(reconciler.failed)}


def _row(row: Row, metric: str) -> dict[str, Any]:
    best = row.best
    value = best.metrics.get(metric) if best else None
    told: dict[str, Any] = {
        "name": row.name,
        "state": row.state,
        "epoch": row.reports[-1].epoch if row.reports else 0,
        "epochs": planned_epochs(row),
        "metric": metric,
        "value": value if value is not None and math.isfinite(value) else None,
        "params": row.params,
        "key": row.key,
    }
    return {**told, "reason": row.reason.splitlines()[0]} if row.reason else told
