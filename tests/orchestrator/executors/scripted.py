"""A source of trials for tests of executors: hands out what it is given, and writes down all that it hears."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from orchestrator.executors.protocol import FINISHED, WAIT, Ending, Executor, Scheduling
from orchestrator.posthoc import PosthocBatch, PosthocJob, PosthocOutcome
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.sweep.preparation import Preparation
from orchestrator.trial import TrialJob
from search_spaces.objective import Objective
from search_spaces.schedulers import Scheduler
from trainables.data.prepare import DataSource
from trainables.spec import (
    NetworkTask,
    Optimizer,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    TrialSpec,
    posthoc_key,
    to_plain,
)

OBJECTIVE = Objective(metric="val/nll", mode="min")


@dataclass
class Script:
    """Trials one after another, or several at once, with hooks for what a test does in between."""

    jobs: list[TrialJob]
    one_by_one: bool = False
    interrupt_after: int | None = None
    when_reported: Callable[[str, Report], None] = lambda name, report: None
    when_ended: Callable[[str], None] = lambda name: None
    when_ticked: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)
    reports: list[tuple[str, Report]] = field(default_factory=list)
    endings: dict[str, tuple[Ending, str]] = field(default_factory=dict)
    committed_before: dict[str, int] = field(default_factory=dict)

    def next_trial(self) -> TrialJob | Literal["wait", "finished"]:
        given = [each for each in self.asked if each not in (WAIT, FINISHED)]
        if len(given) == len(self.jobs):
            self.asked.append(FINISHED)
            return FINISHED
        if self.one_by_one and len(self.endings) < len(given):
            self.asked.append(WAIT)
            return WAIT
        job = self.jobs[len(given)]
        self.asked.append(job.name)
        return job

    def on_report(self, name: str, report: Report) -> None:
        self.reports.append((name, report))
        self.when_reported(name, report)

    def on_end(self, name: str, ending: Ending, reason: str = "") -> None:
        if self.interrupted() and ending != "finished":
            return  # what a driver does: the trial did not end by itself
        assert name not in self.endings
        self.endings[name] = (ending, reason)
        self.when_ended(name)

    def on_tick(self) -> None:
        self.when_ticked()

    def interrupted(self) -> bool:
        return self.interrupt_after is not None and len(self.reports) >= self.interrupt_after

    def epochs(self, name: str) -> list[int]:
        return [report.epoch for each, report in self.reports if each == name]


def small(learning_rate: float = 1e-2, *, epochs: int = 3, seed: int = 0) -> TrialSpec:
    """Epochs of some hundredths of a second."""
    return TrialSpec(
        data=Synthetic(images=96, size=32, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(4, 8), dropout=0.2),
        optimizer=Optimizer(learning_rate=learning_rate),
        schedule=Schedule(epochs=epochs, batch_size=16),
        seed=seed,
    )


def explosive() -> TrialSpec:
    """Diverges at once."""
    schedule = Schedule(epochs=3, batch_size=16, clip_norm=None)
    return replace(small(), optimizer=Optimizer(kind="sgd", learning_rate=1e30), schedule=schedule)


def poor(*, seed: int = 0) -> TrialSpec:
    """Worse than guessing after its first epoch, and finite."""
    return replace(small(seed=seed), optimizer=Optimizer(kind="sgd", learning_rate=30.0))


def slow(*, epochs: int = 6, seed: int = 0) -> TrialSpec:
    """Epochs of some tenths of a second, long enough for a kill to hit one."""
    return TrialSpec(
        data=Synthetic(images=480, size=64, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(8, 16, 32), dropout=0.2),
        optimizer=Optimizer(learning_rate=1e-2),
        schedule=Schedule(epochs=epochs, batch_size=16),
        seed=seed,
    )


def jobs_of(storage: Path, specs: Sequence[TrialSpec], *, first: int = 0, schedules: bool = True) -> list[TrialJob]:
    """Jobs trial-0000, trial-0001, ... with their data prepared."""
    preparation = Preparation(Store(storage), DataSource())
    jobs = []
    for number, spec in enumerate(specs, first):
        keys = preparation.keys(spec)
        jobs.append(
            TrialJob(
                name=f"trial-{number:04d}",
                spec=to_plain(spec),
                key=keys.network,
                fit_key=keys.fit,
                data_key=keys.data,
                first_key=keys.first.network if keys.first else "",
                first_fit_key=keys.first.fit if keys.first else "",
                storage=str(storage),
                schedules=schedules,
            )
        )
    return jobs


def batch_of(storage: Path, network: str, *tasks: NetworkTask) -> PosthocBatch:
    """Tasks on one network."""
    jobs = tuple(
        PosthocJob(key=posthoc_key(task, [network]), task=to_plain(task), members=(network,)) for task in tasks
    )
    return PosthocBatch(jobs=jobs, storage=str(storage))


def scheduling(scheduler: Scheduler | None = None, history: Sequence[tuple[str, int, float]] = ()) -> Scheduling:
    """What an executor is told about ends by a scheduler."""
    return Scheduling(scheduler=scheduler, objective=OBJECTIVE, history=history)


def collect_all(executor: Executor, count: int) -> list[PosthocOutcome]:
    """Outcomes of so many jobs."""
    outcomes: list[PosthocOutcome] = []
    while len(outcomes) < count:
        outcomes += executor.collect(timeout_seconds=0.2)
    return outcomes


def writers(storage: Path, key: str) -> list[int]:
    """Process numbers of those who began an attempt at a key, the latest last; one that is still writing its note is not told."""
    notes = sorted((storage / "artifacts" / key.split("-", 1)[0] / key).glob("attempt-*/started.json"))
    return [int(json.loads(text)["pid"]) for note in notes if (text := note.read_text()).endswith("}")]


def weights(storage: Path, jobs: Sequence[TrialJob]) -> list[str]:
    """Hashes of the networks' weights."""
    store = Store(storage)
    return [str(store.manifest(job.key).files["weights.safetensors"]["sha256"]) for job in jobs]
