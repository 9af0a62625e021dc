"""Trials that only sleep, report and commit: what they cost is what the orchestration costs."""

from __future__ import annotations

import functools
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from orchestrator.executors.protocol import Ending, Executor, MakeTrial, Scheduling, TrialSource
from orchestrator.executors.ray import RayExecutor
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, step_name, stored_reports
from search_spaces.objective import Objective
from search_spaces.sweep import Sweep
from trainables.spec import (
    Evaluation,
    Optimizer,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
    from_plain,
    posthoc_key,
)

if TYPE_CHECKING:
    import optuna

TASKS = (Evaluation(), Temperature())
METRICS = ("nll", "accuracy", "ece", "brier", "auroc", "macro_f1")


class SleepingTrial:
    """Sleeps in place of an epoch; commits what a trial commits, without weights, and the results of its tasks.

    Args:
        job: the trial.
        seconds: of an epoch.
    """

    def __init__(self, job: TrialJob, *, seconds: float) -> None:
        self._job = job
        self._seconds = seconds
        self._store = Store(job.storage)
        self._reports = stored_reports(self._store, job.fit_key)
        self._epochs = from_plain(TrialSpec, job.spec).schedule.epochs

    def step(self) -> Report:
        """Sleep, then commit and report an epoch."""
        if len(self._reports) == self._epochs:
            return self._reports[-1]
        time.sleep(self._seconds)
        epoch = len(self._reports) + 1
        report = Report(
            epoch=epoch,
            metrics=self._metrics(epoch),
            best_epoch=epoch,
            finished=epoch == self._epochs,
            seconds={"train": self._seconds},
            time=time.time(),
        )
        self._store.begin(f"{self._job.fit_key}/{step_name(epoch)}").commit({"report": asdict(report)})
        self._reports.append(report)
        if report.finished:
            self._finish(report)
        return report

    def _metrics(self, epoch: int) -> dict[str, float]:
        rate = self._job.spec["optimizer"]["learning_rate"]
        return {f"val/{name}": 1 / (1 + epoch) + rate + place for place, name in enumerate(METRICS)}

    def _finish(self, report: Report) -> None:
        seconds = {"total": 0.0}
        network = {"spec": self._job.spec, "data": self._job.data_key, "fit": self._job.fit_key, "seconds": seconds}
        self._store.begin(self._job.key).commit({**network, "classes": ["a", "b"], "epochs": report.epoch})
        for task in TASKS:
            attempt = self._store.begin(posthoc_key(task, [self._job.key]))
            about = {"kind": task.kind, "name": task.name}
            metrics = {f"test/{name}": 0.5 for name in METRICS}
            attempt.commit(
                {"task": about, "members": [self._job.key], "metrics": metrics, "seconds": seconds, "remarks": []}
            )


def make(seconds: float) -> MakeTrial:
    """Makes such trials on the workers."""
    return functools.partial(SleepingTrial, seconds=seconds)


def sweep(*, trials: int, epochs: int) -> Sweep:
    """A random search over a learning rate."""

    def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
        return TrialSpec(
            data=Synthetic(images=96, size=32, images_per_patient=2),
            split=Split(val=0.2, calib=0.15, test=0.2),
            model=SmallCNN(widths=(4, 8), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
            optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)),
            schedule=Schedule(epochs=epochs, batch_size=16),
        )

    return Sweep(
        name="sleeping",
        space=space,
        objectives=(Objective(metric="val/nll", mode="min"),),
        trials=trials,
        searcher="random",
        member_seeds=0,
        posthoc=TASKS,
    )


@dataclass(frozen=True)
class Mark:
    """A moment in a driver: on the wall's clock, and in seconds that its process computed."""

    wall: float
    computed: float

    @staticmethod
    def now() -> Mark:
        """This moment."""
        return Mark(time.perf_counter(), time.process_time())


@dataclass
class Meter:
    """An executor and a source between the real ones, that note when something passes."""

    executor: Executor
    source: TrialSource | None = None
    started: list[Mark] = field(default_factory=list)
    reported: list[Mark] = field(default_factory=list)
    ended: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = self.executor.start
        self.submit = self.executor.submit
        self.collect = self.executor.collect
        self.close = self.executor.close

    def run(self, source: TrialSource, scheduling: Scheduling) -> None:
        """Run trials through the meter."""
        self.source = source
        self.executor.run(self, scheduling)

    def next_trial(self) -> TrialJob | Literal["wait", "finished"]:
        """See `TrialSource`."""
        given = self._source.next_trial()
        if isinstance(given, TrialJob):
            self.started.append(Mark.now())
        return given

    def on_report(self, name: str, report: Report) -> None:
        """See `TrialSource`."""
        self._source.on_report(name, report)
        self.reported.append(Mark.now())

    def on_end(self, name: str, ending: Ending, reason: str = "") -> None:
        """See `TrialSource`."""
        self._source.on_end(name, ending, reason)
        self.ended.append(Mark.now())

    def on_tick(self) -> None:
        """See `TrialSource`."""
        self._source.on_tick()

    def interrupted(self) -> bool:
        """See `TrialSource`."""
        return self._source.interrupted()

    @property
    def _source(self) -> TrialSource:
        assert self.source is not None
        return self.source


def metered(seconds: float) -> Meter:
    """Ray with sleeping trials, behind a meter."""
    return Meter(RayExecutor(make_trial=make(seconds)))
