"""A tracking server in a dictionary: for tests, and for sweeps that nobody wants to see in MLflow."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from orchestrator.errors import TrackingError
from orchestrator.tracking.limits import within_limits
from orchestrator.tracking.protocol import (
    DIGEST_TAG,
    KEY_TAG,
    SWEEP_TAG,
    MetricPoint,
    ModelRecord,
    RunRecord,
    RunUpdate,
    TrackedData,
    View,
)


@dataclass(kw_only=True)
class MemoryRun:
    """A run as the dictionary holds it."""

    run_id: str
    key: str
    sweep: str
    name: str
    parent_id: str | None
    start_ms: int
    status: str = "RUNNING"
    end_ms: int = 0
    deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[MetricPoint] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    datasets: list[TrackedData] = field(default_factory=list)
    view: View | None = None


@dataclass
class MemoryServer:
    """What outlives a driver.

    Attributes:
        runs: of all sweeps.
        models: registered versions by the sweep's identity.
        name: of its place; another one has other runs.
        unreachable: every call fails.
        writes: how many single writes were done.
        writes_left: after so many more the server goes away; None for never.
    """

    runs: list[MemoryRun] = field(default_factory=list)
    models: dict[str, list[ModelRecord]] = field(default_factory=dict)
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    unreachable: bool = False
    writes: int = 0
    writes_left: int | None = None

    def require(self) -> None:
        """Fail if the server is away."""
        if self.unreachable:
            raise TrackingError("The tracking server in memory was made unreachable. Set unreachable to False.")

    def write(self) -> None:
        """Count a write, and fail if it is one too many."""
        self.require()
        if self.writes_left is not None and self.writes >= self.writes_left:
            raise TrackingError(f"The tracking server in memory was told to fail after {self.writes_left} writes.")
        self.writes += 1


class MemoryTracker:
    """A `Tracker` over a `MemoryServer`, with the order of writes and the rules of the MLflow one.

    Args:
        sweep: identity of the sweep.
        server: shared by the trackers of successive drivers.
    """

    def __init__(self, sweep: str, server: MemoryServer | None = None) -> None:
        self.sweep = sweep
        self.server = server if server is not None else MemoryServer()

    def place(self) -> str:
        """See `Tracker.place`."""
        return f"memory {self.server.name}"

    def apply(self, update: RunUpdate) -> str:
        """See `Tracker.apply`."""
        self.server.require()
        update = within_limits(update)
        run = self._found(update.key) or self._created(update)
        for path, artifact in update.artifacts.items():
            self.server.write()
            run.artifacts[path] = artifact.content()
        self._write_state(run, update)
        run.datasets += [each for each in update.datasets if each not in run.datasets]
        run.view = update.view or run.view
        self._write_content(run, update)
        return run.run_id

    def runs(self) -> list[RunRecord]:
        """See `Tracker.runs`."""
        self.server.require()
        return [_record(run) for run in self._runs() if not run.deleted]

    def history(self, key: str, metric: str) -> list[MetricPoint]:
        """See `Tracker.history`."""
        self.server.require()
        points = {point for run in self._runs(key) if not run.deleted for point in run.points if point.name == metric}
        return sorted(points, key=lambda point: (point.step, point.time_ms, point.value))

    def models(self) -> list[ModelRecord]:
        """See `Tracker.models`."""
        self.server.require()
        return list(self.server.models.get(self.sweep, ()))

    def delete(self) -> int:
        """See `Tracker.delete`."""
        self.server.require()
        self.server.models.pop(self.sweep, None)
        present = [run for run in self._runs() if not run.deleted]
        for run in present:
            run.deleted = True
            run.tags[DIGEST_TAG] = "deleted"
        return len(present)

    def _runs(self, key: str | None = None) -> list[MemoryRun]:
        return [run for run in self.server.runs if run.sweep == self.sweep and key in (None, run.key)]

    def _found(self, key: str) -> MemoryRun | None:
        runs = sorted(self._runs(key), key=lambda run: run.deleted)
        for run in runs[:1]:
            run.deleted = False
        for doubled in runs[1:]:
            doubled.deleted = True
        return runs[0] if runs else None

    def _created(self, update: RunUpdate) -> MemoryRun:
        parent_id = None
        if update.parent is not None:
            parent = self._found(update.parent)
            if parent is None:
                raise ValueError(f"{update.key} names the parent {update.parent}, which has no run. Apply it first.")
            parent_id = parent.run_id
        self.server.write()
        run = MemoryRun(
            run_id=f"run-{len(self.server.runs)}",
            key=update.key,
            sweep=self.sweep,
            name=update.name,
            parent_id=parent_id,
            start_ms=update.start_ms,
            tags={KEY_TAG: update.key, SWEEP_TAG: self.sweep},
        )
        self.server.runs.append(run)
        return run

    def _write_state(self, run: MemoryRun, update: RunUpdate) -> None:
        if (run.status, run.name) != (update.status, update.name):
            self.server.write()
            run.status, run.name, run.end_ms = update.status, update.name, update.end_ms

    def _write_content(self, run: MemoryRun, update: RunUpdate) -> None:
        if update.metrics or update.params:
            self.server.write()
            run.points += [point for point in update.metrics if point not in run.points]
            run.params = {**update.params, **run.params}
        if update.tags:
            self.server.write()
            run.tags |= update.tags


def _record(run: MemoryRun) -> RunRecord:
    ordered = sorted(run.points, key=lambda point: (point.step, point.time_ms, point.value))
    return RunRecord(
        run_id=run.run_id,
        key=run.key,
        sweep=run.sweep,
        parent_id=run.parent_id,
        status=run.status,
        params=dict(run.params),
        tags=dict(run.tags),
        datasets=tuple((each.name, each.digest) for each in run.datasets),
        metrics={point.name: point.value for point in ordered},
    )
