"""Wanted results minus those in the store become tasks. Works during a search, after it, and alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from orchestrator.executors.protocol import Executor
from orchestrator.posthoc import PosthocBatch, PosthocJob, PosthocOutcome
from orchestrator.results import of_networks
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from orchestrator.sweep.wanted import (
    LEAST_MEMBERS,
    baseline_jobs,
    ensemble_job,
    ensemble_members,
    maps_jobs,
    network_jobs,
)
from search_spaces.objective import Objective
from trainables.spec import Ensemble, EnsembleMaps, PixelBaseline, PosthocSpec, from_plain

CHEAP = ("evaluation", "temperature", "calibration", "laplace", "snapshots", "conformal")


class Reconciler:
    """Submits what is missing and records what becomes of it. Keeps nothing that the store does not know.

    Args:
        store, ledger: of the sweep.
        executor: runs the tasks.
        tasks: the sweep's post-hoc tasks.
        objective: names the best trials.
        stopped_too: also run tasks on trials that the scheduler stopped.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        executor: Executor,
        *,
        tasks: Sequence[PosthocSpec],
        objective: Objective,
        stopped_too: bool = False,
        threads: int = 1,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._executor = executor
        self._tasks = of_networks(tasks)
        self._baselines = [task for task in tasks if isinstance(task, PixelBaseline)]
        self._ensembles = [task for task in tasks if isinstance(task, Ensemble)]
        self._maps = [task for task in tasks if isinstance(task, EnsembleMaps)]
        self._objective = objective
        self._stopped_too = stopped_too
        self._threads = threads
        self.done: set[str] = set()
        self.pending: set[str] = set()
        self.failed: dict[str, str] = {}
        self._settled: set[tuple[str, str]] = set()
        for key in ledger.failures():
            ledger.clear_failure(key)  # whatever failed before is tried again by a new start

    def submit_missing(self, rows: Sequence[Row], *, search_over: bool) -> None:
        """Start every task whose inputs are complete and whose result is not there.

        Args:
            rows: the ledger's rows.
            search_over: whether no trial and no member will come or change any more; ensembles wait for that.
        """
        missing = self._missing(rows, search_over)
        for batch in _batches(missing, str(self._store.root), self._threads):
            self.pending |= {job.key for job in batch.jobs}
            self._executor.submit(batch)

    def anything_missing(self, rows: Sequence[Row], *, search_over: bool) -> bool:
        """Whether `submit_missing` would start anything."""
        return bool(self._missing(rows, search_over))

    def collect(self, timeout_seconds: float = 0.0) -> list[PosthocOutcome]:
        """Record the tasks that have ended since."""
        outcomes = self._executor.collect(timeout_seconds) if self.pending else []
        for outcome in outcomes:
            self.pending.discard(outcome.key)
            if outcome.error:
                self.failed[outcome.key] = outcome.error
                failure = {"task": outcome.task, "members": list(outcome.members), "error": outcome.error}
                self._ledger.write_failure(outcome.key, failure)
            else:
                self.done.add(outcome.key)
        return outcomes

    def drain(self, on_tick: Callable[[], None], interrupted: Callable[[], bool]) -> None:
        """Wait for every task that was started."""
        while self.pending and not interrupted():
            self.collect(timeout_seconds=0.2)
            on_tick()

    def _missing(self, rows: Sequence[Row], search_over: bool) -> list[PosthocJob]:
        jobs = self._jobs_of_networks(rows)
        jobs += baseline_jobs(rows, self._baselines)
        if search_over:
            jobs += self._ensemble_jobs(rows)
            jobs += maps_jobs(self._maps, rows, self._objective)
        return [job for job in jobs if self._is_missing(job)]

    def _jobs_of_networks(self, rows: Sequence[Row]) -> list[PosthocJob]:
        """Jobs of the networks that may lack something; a row that ended and lacks nothing is not looked at again."""
        open_rows = [row for row in rows if (row.name, row.state) not in self._settled]
        jobs = network_jobs(open_rows, self._tasks, stopped_too=self._stopped_too, storage=str(self._store.root))
        unknown = {job.members[0] for job in jobs if not self._is_known(job.key)}
        self._settled |= {
            (row.name, row.state) for row in open_rows if row.state != "running" and row.network not in unknown
        }
        return jobs

    def _is_known(self, key: str) -> bool:
        return key in self.done or key in self.pending or key in self.failed

    def _is_missing(self, job: PosthocJob) -> bool:
        if self._is_known(job.key):
            return False
        if self._store.exists(job.key):
            self.done.add(job.key)
            return False
        return job.stopped is not None or all(self._store.exists(each) for each in (*job.members, *job.inputs))

    def _ensemble_jobs(self, rows: Sequence[Row]) -> list[PosthocJob]:
        jobs = []
        for task in self._ensembles:
            members = ensemble_members(task, rows, self._objective)
            if len(members) >= LEAST_MEMBERS:
                job = ensemble_job(task, members, self._tasks)
                self._record_ensemble(task, job)
                self._fail_without_inputs(task, job)
                jobs.append(job)
        return jobs

    def _fail_without_inputs(self, task: Ensemble, job: PosthocJob) -> None:
        """An ensemble of a task's results cannot be pooled when one of them has failed."""
        lost = next((key for key in job.inputs if key in self.failed), None)
        if lost is not None and job.key not in self.failed:
            network = job.members[job.inputs.index(lost)]
            error = f"{task.of} failed on {network}, so {task.name} cannot pool it. See the failure of {lost}."
            self.failed[job.key] = error
            self._ledger.write_failure(job.key, {"task": job.task, "members": list(job.members), "error": error})

    def _record_ensemble(self, task: Ensemble, job: PosthocJob) -> None:
        """Write down the members; an older ensemble of the same name is superseded, and stays."""
        known = self._ledger.ensembles()
        for key, plain in known.items():
            if plain["name"] == task.name and key != job.key and not plain["superseded"]:
                self._ledger.write_ensemble(key, {**plain, "superseded": True})
        current = {"task": job.task, "name": task.name, "members": list(job.members), "superseded": False}
        if known.get(job.key) != current:
            self._ledger.write_ensemble(job.key, current)


def _batches(jobs: Sequence[PosthocJob], storage: str, threads: int) -> list[PosthocBatch]:
    """Cheap tasks of one network go together, because they share its stored passes; the others each alone."""

    def group(job: PosthocJob) -> tuple[str, ...]:
        return (*job.members, "cheap") if job.task["kind"] in CHEAP else (*job.members, job.key)

    ordered = sorted(jobs, key=group)
    return [
        PosthocBatch(jobs=tuple(grouped), storage=storage, threads=threads)
        for _, grouped in itertools.groupby(ordered, key=group)
    ]


def parse_task(plain: dict[str, object]) -> PosthocSpec:
    """A post-hoc task from its JSON values."""
    task: PosthocSpec = from_plain(PosthocSpec, plain, "posthoc")
    return task
