"""Everything in this process, one thing at a time: under a debugger, in tests, on a machine without Ray."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from orchestrator.executors.protocol import FINISHED, WAIT, MakeTrial, Scheduling, TrialSource, TrialSteps
from orchestrator.posthoc import PosthocBatch, PosthocOutcome, run_batch
from orchestrator.trial import TrialJob, TrialRun
from search_spaces.stopping import Rule
from search_spaces.sweep import Resources


@dataclass
class _Live:
    job: TrialJob
    run: TrialSteps


class InlineExecutor:
    """Takes turns between trials, an epoch each, as if they ran at once.

    Args:
        make_trial: makes what computes a trial; by default a network is trained.
    """

    def __init__(self, make_trial: MakeTrial = TrialRun) -> None:
        self._make_trial = make_trial
        self._concurrent = 1
        self._workers = 1
        self._batches: deque[PosthocBatch] = deque()

    def start(self, *, concurrent: int | None, resources: Resources) -> int:
        """Two trials take turns unless another number is asked for."""
        self._workers = resources.workers
        self._concurrent = concurrent or 2
        return self._concurrent

    def run(self, source: TrialSource, scheduling: Scheduling) -> None:
        """Run trials until the source is finished or interrupted.

        Raises:
            ValueError: a trial of several processes.
        """
        if self._workers > 1:
            raise ValueError(
                f"resources/workers is {self._workers}, and everything runs in this process alone: a group of workers "
                "needs Ray. Leave --inline out, or train with --set resources/workers=1."
            )
        rule = scheduling.rule()
        live: deque[_Live] = deque()
        while not source.interrupted():
            source.on_tick()
            start = WAIT if len(live) >= self._concurrent else source.next_trial()
            if isinstance(start, TrialJob):
                live.append(_Live(start, self._make_trial(start)))
            elif live:
                trial = live.popleft()
                if self._goes_on(trial, source, scheduling, rule):
                    live.append(trial)
            elif start == FINISHED:
                return

    def submit(self, batch: PosthocBatch) -> None:
        """Put a batch into the queue."""
        self._batches.append(batch)

    def collect(self, timeout_seconds: float = 0.0) -> list[PosthocOutcome]:
        """Run the oldest batch of the queue."""
        return run_batch(self._batches.popleft()) if self._batches else []

    def close(self) -> None:
        """Nothing was started."""

    def _goes_on(self, trial: _Live, source: TrialSource, scheduling: Scheduling, rule: Rule) -> bool:
        name = trial.job.name
        try:
            report = trial.run.step()
        except Exception as failure:  # one failed trial must not end the sweep
            source.on_end(name, "failed", f"{type(failure).__name__}: {failure}")
            return False
        value = report.metrics.get(scheduling.objective.metric)
        source.on_report(name, report)
        stops = trial.job.schedules and value is not None and rule.stops(name, report.epoch, value)
        stops = stops or trial.job.waits(report)
        if report.finished or stops:
            source.on_end(name, "finished" if report.finished else "stopped")
        return not (report.finished or stops)
