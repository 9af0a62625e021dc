"""The driver of a sweep: draws trials, keeps the ledger, has post-hoc tasks run. It keeps nothing only in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from orchestrator.cleaning.budget import DiskBudget
from orchestrator.disk import disk_full, is_disk_full
from orchestrator.errors import StorageError
from orchestrator.executors.protocol import FINISHED, WAIT, Ending, Executor, Scheduling
from orchestrator.results import best_row
from orchestrator.storage.ledger import Ledger, Report, Row
from orchestrator.storage.store import Store
from orchestrator.sweep.population import population_of
from orchestrator.sweep.preparation import Preparation
from orchestrator.sweep.reconcile import Reconciler
from orchestrator.sweep.records import Fault, late_values, objective_values, past_trials, scheduler_history
from orchestrator.sweep.rows import job_of, late_keys, late_tasks, missing_members, new_row
from orchestrator.trial import TrialJob, stored_reports
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.study import Study
from search_spaces.sweep import Sweep

Changed = Callable[[], None]


class SweepDriver:
    """Where an executor gets its trials.

    Args:
        sweep: the experiment.
        overrides: values fixed by the user.
        ledger, store: where everything is kept.
        preparation: gives keys and decoded data.
        reconciler: has the post-hoc tasks run.
        on_change: called when a row has changed.
        retry_failed: go on with trials that failed in an earlier start.
    """

    def __init__(
        self,
        sweep: Sweep,
        overrides: Overrides,
        *,
        ledger: Ledger,
        store: Store,
        preparation: Preparation,
        reconciler: Reconciler,
        on_change: Changed,
        retry_failed: bool = False,
    ) -> None:
        self.sweep = sweep
        self._ledger = ledger
        self._store = store
        self._preparation = preparation
        self._reconciler = reconciler
        self._on_change = on_change
        self._budget = DiskBudget(sweep.resources.disk_gb, store, ledger)
        self._interrupted = False
        self._fault = Fault(self.interrupt)
        self._population = population_of(sweep, overrides, preparation)
        self.rows: dict[str, Row] = {row.name: row for row in ledger.rows()}
        for row in self.rows.values():
            if retry_failed and row.state == "failed" and not self._population:  # there another one has its place
                row.state, row.reason, row.ended = "running", "", 0.0
            if not self._waits(row):
                self._merge_chain(row)
        self._study = Study(
            sweep.space,
            sweep.objectives,
            searcher=sweep.searcher,
            seed=sweep.seed,
            overrides=overrides,
            past=past_trials(self.rows.values(), sweep.objectives),
        )
        self._waiting = [row.name for row in self.rows.values() if row.state == "running" and not self._waits(row)]
        self._live: set[str] = set()

    @property
    def first_objective(self) -> Objective:
        """The objective that names the best trial."""
        return self.sweep.objectives[0]

    @property
    def interval(self) -> int:
        """Epochs between two comparisons of a population; 0 of another sweep."""
        return self._population.interval if self._population else 0

    def scheduling(self) -> Scheduling:
        """What the executor's scheduler needs to know."""
        objective = self.first_objective
        history = scheduler_history(self.rows.values(), objective)
        return Scheduling(scheduler=self.sweep.scheduler, objective=objective, history=history)

    def run(self, executor: Executor) -> bool:
        """Run the search, its members and every task.

        Returns:
            Whether the sweep is finished; False if it was interrupted.
        """
        self._reconciler.submit_missing(list(self.rows.values()), search_over=False)
        if self.next_is_open() and not self.interrupted():
            self._budget.keep(self.rows.values())
            executor.run(self, self.scheduling())
        self._fault.raise_if_any()
        if self.interrupted():
            return False
        return self._finish_tasks(search_over=True)

    def run_posthoc(self) -> bool:
        """Compute what is missing of the trials that are complete; start no trial."""
        return self._finish_tasks(search_over=not self.next_is_open())

    def _finish_tasks(self, *, search_over: bool) -> bool:
        """Compute what is missing; twice, where ensembles pool the results of other tasks."""
        rows = list(self.rows.values())
        while True:
            self._reconciler.submit_missing(rows, search_over=search_over)
            self._reconciler.drain(self._on_change, self.interrupted)
            if self.interrupted() or not self._reconciler.anything_missing(rows, search_over=search_over):
                return not self.interrupted()

    def needs_executor(self, posthoc_only: bool) -> bool:
        """Whether there is anything to compute; if not, no cluster is started for it."""
        open_trials = self.next_is_open()
        if open_trials and not posthoc_only:
            return True
        return self._reconciler.anything_missing(list(self.rows.values()), search_over=not open_trials)

    def left(self) -> int:
        """Trials and members that are still to run, as far as they are known."""
        running = sum(row.state == "running" for row in self.rows.values())
        return running + max(0, self.sweep.trials - self._drawn())

    def next_is_open(self) -> bool:
        """Whether any trial or member is still to run."""
        running = any(row.state == "running" for row in self.rows.values())
        return running or self._drawn() < self.sweep.trials or bool(self._missing_members())

    def next_trial(self) -> TrialJob | Literal["wait", "finished"]:
        """The next trial: one left unfinished, a new draw, or a member of the deep ensemble."""
        with self._fault:
            while not self._interrupted:
                name = self._next_name()
                if name is None:
                    return WAIT if self._live or self._waiting else FINISHED
                row = self.rows[name]
                if self._is_stored(row):
                    continue
                self._live.add(name)
                return self._job(row)
        return WAIT

    def on_report(self, name: str, report: Report) -> None:
        """Write an epoch into the row; epochs whose reports were lost on the way are taken from the store."""
        row = self.rows[name]
        known = row.reports[-1].epoch if row.reports else 0
        if report.epoch > known + 1:
            row.reports = self._stored(row)
        elif report.epoch > known:
            row.reports.append(report)
        with self._fault:
            self._ledger.write_row(row)
            self._on_change()

    def on_end(self, name: str, ending: Ending, reason: str = "") -> None:
        """Close the row, tell the study, and have the network's tasks started."""
        if ending == "failed" and is_disk_full(reason):
            self._fault.note(StorageError(disk_full(reason)))  # no trial's fault: the next start goes on with it
        if self._interrupted and ending != "finished":
            return  # the trial was not ended by itself: the next start goes on with it
        row = self.rows[name]
        self._live.discard(name)
        if ending == "stopped" and self._population:
            return  # it waits for its generation
        row.state = {"finished": "completed", "stopped": "stopped", "failed": "failed"}[ending]  # type: ignore[assignment]
        row.reason, row.ended = reason, time.time()
        if row.kind == "trial" and row.state == "completed":
            row.late = late_values(self._store, row, self.sweep.objectives, late_tasks(self.sweep))
        with self._fault:
            self._ledger.write_row(row)
            self._tell(row)
            self._reconciler.submit_missing(list(self.rows.values()), search_over=False)
            self._on_change()
            self._budget.keep(self.rows.values())

    def on_tick(self) -> None:
        """Record the tasks that have ended."""
        with self._fault:
            if self._reconciler.collect():
                self._on_change()

    def interrupt(self) -> None:
        """Start no trial any more."""
        self._interrupted = True

    def interrupted(self) -> bool:
        """Whether the user wants an end."""
        return self._interrupted

    def _next_name(self) -> str | None:
        """A row to start now: its network is not being trained by another row."""
        busy = {self.rows[name].key for name in self._live}
        for name in self._waiting:
            if self.rows[name].key not in busy:
                self._waiting.remove(name)
                return name
        if self._waiting:
            return None
        if self._drawn() < self.sweep.trials:
            self._waiting.append(self._draw().name)
            return self._next_name()
        if self._live:
            return None
        self._breed()
        for row in self._missing_members():
            self._add(row)
            self._waiting.append(row.name)
        return self._next_name() if self._waiting else None

    def _drawn(self) -> int:
        return sum(row.kind == "trial" for row in self.rows.values())

    def _draw(self) -> Row:
        draw = self._study.draw()
        lineage = self._population.lineage if self._population else ""
        row = new_row(self._preparation, "trial", draw.number, draw.spec, lineage=lineage)
        row.params, row.distributions, row.notes = draw.params, draw.distributions, draw.notes
        self._add(row)
        return row

    def _missing_members(self) -> list[Row]:
        """The best configuration under further seeds, as far as it has no row yet."""
        best = best_row(list(self.rows.values()), self.first_objective)
        return missing_members(self._preparation, self.rows.values(), best, self.sweep.member_seeds)

    def _add(self, row: Row) -> None:
        self.rows[row.name] = row
        if self._population is None:  # there a row is merged when it is its turn
            self._merge_chain(row)
        self._ledger.write_row(row)
        self._on_change()

    def _merge_chain(self, row: Row) -> None:
        """Take over epochs that the store has and the row has not: the ledger may lag behind a kill."""
        if row.state == "running":
            stored = self._stored(row)
            if len(stored) > len(row.reports):
                row.reports = stored
                self._ledger.write_row(row)

    def _stored(self, row: Row) -> list[Report]:
        """Reports of the row's chain, of a population up to where the row waits."""
        stored = stored_reports(self._store, row.fit_key)
        return self._population.in_interval(row, stored) if self._population else stored

    def _is_stored(self, row: Row) -> bool:
        """Take from the store what the row would train: all of its epochs, or those of its interval."""
        if self._population:
            until = self._population.until(row)
            self._merge_chain(row)
            last = row.reports[-1] if row.reports else None
            if last is None or not last.finished:
                return last is not None and last.epoch >= until
        if not self._store.exists(row.key) or not all(map(self._store.exists, late_keys(self.sweep, row))):
            return False
        row.reports = self._stored(row)
        self.on_end(row.name, "finished")
        return True

    def _waits(self, row: Row) -> bool:
        return self._population is not None and self._population.waits(row)

    def _breed(self) -> None:
        """Begin the next generation: everybody waits."""
        generation = self._population.next_generation(self.rows) if self._population else None
        if generation is None:
            return
        for row in generation.made:
            self._add(row)
        for name, reason in generation.ended.items():
            row = self.rows[name]
            row.state, row.reason, row.ended = "stopped", reason, time.time()
            self._ledger.write_row(row)
        self._waiting += generation.going_on

    def _tell(self, row: Row) -> None:
        if row.kind == "trial" and self._population is None:
            values = objective_values(row, self.sweep.objectives)
            self._study.tell(row.number, row.state, values, epochs=len(row.reports))

    def _job(self, row: Row) -> TrialJob:
        if self._population is None:
            return job_of(row, self.sweep, self._store.root)
        until, interval = self._population.until(row), self._population.interval
        return job_of(row, self.sweep, self._store.root, until=until, keep_every=interval)
