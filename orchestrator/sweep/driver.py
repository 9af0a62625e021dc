"""The driver of a sweep: draws trials, keeps the ledger, has post-hoc tasks run. It keeps nothing only in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

from orchestrator.executors.protocol import FINISHED, WAIT, Ending, Executor, Scheduling
from orchestrator.results import best_row, of_networks
from orchestrator.storage.ledger import Ledger, Report, Row
from orchestrator.storage.store import Store
from orchestrator.sweep.preparation import Preparation, named_folder
from orchestrator.sweep.reconcile import Reconciler
from orchestrator.sweep.records import late_values, objective_values, past_trials, scheduler_history
from orchestrator.trial import TrialJob, stored_reports, weights_folder
from search_spaces.objective import Objective, is_late
from search_spaces.overrides import Overrides
from search_spaces.study import Study
from search_spaces.sweep import Sweep
from trainables.spec import NetworkTask, TrialSpec, from_plain, posthoc_key, to_plain

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
        self._interrupted = False
        self.rows: dict[str, Row] = {row.name: row for row in ledger.rows()}
        for row in self.rows.values():
            if retry_failed and row.state == "failed":
                row.state, row.reason, row.ended = "running", "", 0.0
            self._merge_chain(row)
        self._study = Study(
            sweep.space,
            sweep.objectives,
            searcher=sweep.searcher,
            seed=sweep.seed,
            overrides=overrides,
            past=past_trials(self.rows.values(), sweep.objectives),
        )
        self._waiting = [row.name for row in self.rows.values() if row.state == "running"]
        self._live: set[str] = set()

    @property
    def first_objective(self) -> Objective:
        """The objective that names the best trial."""
        return self.sweep.objectives[0]

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
            executor.run(self, self.scheduling())
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
        return bool(self._waiting) or self._drawn() < self.sweep.trials or bool(self._missing_members())

    def next_trial(self) -> TrialJob | Literal["wait", "finished"]:
        """The next trial: one left unfinished, a new draw, or a member of the deep ensemble."""
        while not self._interrupted:
            name = self._next_name()
            if name is None:
                return WAIT if self._live or self._waiting else FINISHED
            row = self.rows[name]
            if self._store.exists(row.key) and self._has_late_results(row):
                self._complete_from_store(row)
                continue
            self._live.add(name)
            return self._job(row)
        return WAIT

    def on_report(self, name: str, report: Report) -> None:
        """Write an epoch into the row; epochs whose reports were lost on the way are taken from the store."""
        row = self.rows[name]
        known = row.reports[-1].epoch if row.reports else 0
        if report.epoch > known + 1:
            row.reports = stored_reports(self._store, row.fit_key)
        elif report.epoch > known:
            row.reports.append(report)
        self._ledger.write_row(row)
        self._on_change()

    def on_end(self, name: str, ending: Ending, reason: str = "") -> None:
        """Close the row, tell the study, and have the network's tasks started."""
        if self._interrupted and ending != "finished":
            return  # the trial was not ended by itself: the next start goes on with it
        row = self.rows[name]
        self._live.discard(name)
        row.state = {"finished": "completed", "stopped": "stopped", "failed": "failed"}[ending]  # type: ignore[assignment]
        row.reason, row.ended = reason, time.time()
        if row.kind == "trial" and row.state == "completed":
            row.late = late_values(self._store, row, self.sweep.objectives, late_tasks(self.sweep))
        self._ledger.write_row(row)
        self._tell(row)
        self._reconciler.submit_missing(list(self.rows.values()), search_over=False)
        self._on_change()

    def on_tick(self) -> None:
        """Record the tasks that have ended."""
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
        for row in self._missing_members():
            self._add(row)
            self._waiting.append(row.name)
        return self._next_name() if self._waiting else None

    def _drawn(self) -> int:
        return sum(row.kind == "trial" for row in self.rows.values())

    def _draw(self) -> Row:
        draw = self._study.draw()
        row = self._row("trial", draw.number, draw.spec)
        row.params, row.distributions, row.notes = draw.params, draw.distributions, draw.notes
        self._add(row)
        return row

    def _missing_members(self) -> list[Row]:
        """The best configuration under further seeds, as far as it has no row yet."""
        best = best_row(list(self.rows.values()), self.first_objective)
        if best is None or self.sweep.member_seeds == 0:
            return []
        spec: TrialSpec = from_plain(TrialSpec, best.spec)
        members = [row for row in self.rows.values() if row.kind == "member"]
        known = {row.key for row in members}
        wanted = [spec.with_seed(spec.seed + 1000 + n) for n in range(self.sweep.member_seeds)]
        rows = [self._row("member", len(members), each) for each in wanted]
        missing = [row for row in rows if row.key not in known]
        for place, row in enumerate(missing):
            row.number = len(members) + place
        return missing

    def _row(self, kind: Literal["trial", "member"], number: int, spec: TrialSpec) -> Row:
        keys = self._preparation.keys(spec)
        return Row(
            kind=kind,
            number=number,
            spec=to_plain(spec),
            key=keys.network,
            fit_key=keys.fit,
            data_key=keys.data,
            first_key=keys.first.network if keys.first else "",
            first_fit_key=keys.first.fit if keys.first else "",
            lungs_key=keys.lungs,
        )

    def _add(self, row: Row) -> None:
        self.rows[row.name] = row
        self._merge_chain(row)
        self._ledger.write_row(row)
        self._on_change()

    def _merge_chain(self, row: Row) -> None:
        """Take over epochs that the store has and the row has not: the ledger may lag behind a kill."""
        if row.state == "running":
            stored = stored_reports(self._store, row.fit_key)
            if len(stored) > len(row.reports):
                row.reports = stored
                self._ledger.write_row(row)

    def _has_late_results(self, row: Row) -> bool:
        return all(self._store.exists(key) for key in late_keys(self.sweep, row))

    def _complete_from_store(self, row: Row) -> None:
        row.reports = stored_reports(self._store, row.fit_key)
        self.on_end(row.name, "finished")

    def _tell(self, row: Row) -> None:
        if row.kind == "trial":
            values = objective_values(row, self.sweep.objectives)
            self._study.tell(row.number, row.state, values, epochs=len(row.reports))

    def _job(self, row: Row) -> TrialJob:
        late = [to_plain(task) for task in late_tasks(self.sweep)] if row.kind == "trial" else []
        return TrialJob(
            name=row.name,
            spec=row.spec,
            key=row.key,
            fit_key=row.fit_key,
            data_key=row.data_key,
            first_key=row.first_key,
            first_fit_key=row.first_fit_key,
            lungs_key=row.lungs_key,
            storage=str(self._store.root),
            threads=self.sweep.resources.cpus,
            workers=self.sweep.resources.workers,
            weights_folder=named_folder(weights_folder()),
            schedules=row.kind == "trial",
            late_tasks=tuple(late),
        )


def late_tasks(sweep: Sweep) -> list[NetworkTask]:
    """Tasks whose metrics are objectives that are known only when a trial is complete."""
    prefixes = {each.metric.rsplit("/val/", 1)[0] for each in sweep.objectives if is_late(each.metric)}
    return [task for task in of_networks(sweep.posthoc) if task.name in prefixes]


def late_keys(sweep: Sweep, row: Row) -> Sequence[str]:
    """Keys of those tasks' results."""
    return [posthoc_key(task, [row.key]) for task in late_tasks(sweep)] if row.kind == "trial" else []
