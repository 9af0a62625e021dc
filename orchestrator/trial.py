"""What one trial does on its worker: continue the chain of epochs, then the one pass that everything later works from."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.computation import compute
from orchestrator.data import open_data
from orchestrator.lungs import lung_weights, lungs_summary, make_lungs
from orchestrator.provenance import provenance
from orchestrator.snapshots import save_snapshots
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from trainables.spec import SPLITS, NetworkTask, TrialSpec, from_plain, posthoc_key, to_plain
from trainables.spec.files import OPTIMIZER, WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.data.images import ImageSet
    from trainables.fit import Training

Train: TypeAlias = "Callable[[TrialSpec, ImageSet, Path | None, dict[str, Tensor] | None], Training]"


@dataclass(frozen=True, kw_only=True)
class TrialJob:
    """A trial as it travels to a worker: plain values only.

    Attributes:
        name: name of the row, `trial-0003`.
        spec: description as JSON values.
        key, fit_key, data_key: keys of the network, its chain and its data.
        first_key, first_fit_key: keys of the first stage's network and chain, or empty texts.
        lungs_key: key of the lungs' U-Net, or an empty text.
        storage: the storage folder.
        threads: CPU threads of a worker; weights are equal bit for bit under an equal number.
        workers: processes that train it together; weights are equal bit for bit under an equal number, else to rounding.
        weights_folder: where local weight files lie, or an empty text.
        schedules: whether the sweep's scheduler may stop it; a member's training always runs to its end.
        late_tasks: post-hoc tasks whose metrics are objectives: computed by the trial itself when it is complete.
    """

    name: str
    spec: dict[str, Any]
    key: str
    fit_key: str
    data_key: str
    storage: str
    first_key: str = ""
    first_fit_key: str = ""
    lungs_key: str = ""
    threads: int = 1
    workers: int = 1
    weights_folder: str = ""
    schedules: bool = True
    late_tasks: tuple[dict[str, Any], ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """As a dictionary."""
        return asdict(self)

    def first_stage(self) -> TrialJob:
        """The first stage as a trial of its own, which no scheduler stops and no task looks at."""
        spec: TrialSpec = from_plain(TrialSpec, self.spec)
        first = to_plain(spec.first_trial)
        stages = {"key": self.first_key, "fit_key": self.first_fit_key, "first_key": "", "first_fit_key": ""}
        return replace(self, spec=first, schedules=False, late_tasks=(), **stages)  # type: ignore[arg-type]


class TrialRun:
    """A trial on its worker; every `step` is an epoch, committed before it is reported.

    Nothing is loaded before the first step, because a scheduler sets up workers that it then never uses.

    Args:
        job: the trial.
        train: makes a training of a description, the data, the folder of weights and the weights of the lungs' U-Net; one in
            this process by default.
    """

    def __init__(self, job: TrialJob, train: Train | None = None) -> None:
        self.job = job
        self.store = Store(job.storage)
        self.spec: TrialSpec = from_plain(TrialSpec, job.spec)
        self._train = train or _train_here
        self._first = TrialRun(job.first_stage(), train) if job.first_key else None
        self._training: Training | None = None

    def step(self) -> Report:
        """Compute the next epoch, or return the last report of what is complete already.

        While the lungs' U-Net or the first of two stages is trained the report is of epoch 0 and says nothing else.
        """
        if self.store.exists(self.job.key):
            self._late_tasks()
            return stored_reports(self.store, self.job.fit_key)[-1]
        lungs = self.spec.lungs
        if lungs is not None and not self.store.exists(self.job.lungs_key):
            make_lungs(self.store, self.job.lungs_key, lungs.segmentation, self.job.data_key, self.job.threads)
            return _nothing_yet()
        if self._first is not None and self._lacks_first_stage():
            return self._step_first(self._first)
        training = self._continued()
        report = self._epoch(training) if not training.finished else stored_reports(self.store, self.job.fit_key)[-1]
        if report.finished:
            self._finalise(report)
            self._late_tasks()
        return report

    def finalise_stopped(self, epochs: int) -> None:
        """Make the network of a trial that a scheduler stopped after so many epochs, unless it is there.

        Raises:
            ValueError: another sweep has taken the same trial further, and its weights of then are gone.
        """
        if self.store.exists(self.job.key):
            return
        report = stored_reports(self.store, self.job.fit_key)[epochs - 1]
        best = self.store.file(f"{self.job.fit_key}/{step_name(report.best_epoch)}", WEIGHTS)
        if not best.is_file():
            raise ValueError(
                f"{self.job.name} was stopped after epoch {epochs}, and its weights of epoch {report.best_epoch} are gone, "
                "because the same trial was trained further elsewhere. Its results stand there."
            )
        self._finalise(report)

    def _lacks_first_stage(self) -> bool:
        began = self._training is not None or self._last_step() is not None
        return not began and not self.store.exists(self.job.first_key)

    def _step_first(self, first: TrialRun) -> Report:
        """Take the first stage an epoch further. Trials that share it take turns, and each goes on where it then is."""
        with self.store.turn(self.job.first_fit_key):
            try:
                first.step()
            except Exception as failure:
                raise RuntimeError(f"In the first stage: {type(failure).__name__}: {failure}") from failure
        return _nothing_yet()

    def _late_tasks(self) -> None:
        for plain in self.job.late_tasks:
            task: NetworkTask = from_plain(NetworkTask, plain)
            key = posthoc_key(task, [self.job.key])
            if not self.store.exists(key):
                compute(self.store, task, key, [self.job.key])

    def _continued(self) -> Training:
        """The training as the chain left it."""
        if self._training is None:
            import torch

            torch.set_num_threads(self.job.threads)
            folder = Path(self.job.weights_folder) if self.job.weights_folder else None
            lungs = lung_weights(self.store, self.job.lungs_key) if self.job.lungs_key else None
            self._training = self._train(self.spec, self._data(), folder, lungs)
            self._load_last(self._training)
            self._first = None  # what it held in memory goes
        return self._training

    def _load_last(self, training: Training) -> None:
        from safetensors.torch import load_file

        from trainables.checkpoint import TrainingState

        last = self._last_step()
        if last is not None:
            training.load(TrainingState.load(self.store.folder(last)))
        elif self.job.first_key:
            training.begin_with(load_file(self.store.file(self.job.first_key, WEIGHTS)))

    def _last_step(self) -> str | None:
        """A machine that lost its power may have cut the last files short: then the epoch before counts."""
        whole = (step for step in reversed(self.store.steps(self.job.fit_key)) if self.store.exists(step))
        return next(whole, None)

    def _data(self) -> ImageSet:
        return open_data(self.store, self.job.data_key)

    def _epoch(self, training: Training) -> Report:
        step = f"{self.job.fit_key}/{step_name(training.epoch + 1)}"
        if self.store.exists(step):
            return self._overtaken(training)
        attempt = self.store.begin(step)
        result = training.run_epoch()
        report = Report(
            epoch=result.epoch,
            metrics=result.metrics,
            best_epoch=result.best_epoch,
            finished=result.finished,
            seconds=result.seconds,
            time=time.time(),
        )
        training.state().save(attempt.folder)
        if not attempt.commit({"report": asdict(report)}):
            return self._overtaken(training)
        self._thin(report)
        return report

    def _overtaken(self, training: Training) -> Report:
        """Another worker has the same trial, such as one that outlived its driver, and was faster: its epochs count."""
        self._load_last(training)
        return stored_reports(self.store, self.job.fit_key)[-1]

    def _thin(self, report: Report) -> None:
        """Keep the last two states, and of the others the weights that are best or end a cycle."""
        kept = {step_name(epoch) for epoch in (report.best_epoch, *self.spec.schedule.cycle_ends)}
        for step in self.store.steps(self.job.fit_key)[:-2]:
            self.store.thin(step, (OPTIMIZER,) if step.rsplit("/", 1)[-1] in kept else (OPTIMIZER, WEIGHTS))

    def _finalise(self, report: Report) -> None:
        """Take the best weights, pass once over every split, commit the network."""
        from safetensors.torch import load_file, save_file

        from trainables.predict import one_pass

        training = self._continued()
        if self.store.exists(self.job.key):
            return
        attempt = self.store.begin(self.job.key)
        started = time.perf_counter()
        best = load_file(self.store.file(f"{self.job.fit_key}/{step_name(report.best_epoch)}", WEIGHTS))
        training.evaluated.load_state_dict(best)
        save_file(best, attempt.folder / WEIGHTS)
        data = self._data()
        for split in SPLITS:
            images = data.part(split)
            if len(images):
                predictions, features = one_pass(training.evaluated, images, split=split)
                predictions.save(attempt.folder / f"predictions-{split}.safetensors")
                save_file({"features": features}, attempt.folder / f"features-{split}.safetensors")
        ends = {
            epoch: self.store.file(f"{self.job.fit_key}/{step_name(epoch)}", WEIGHTS)
            for epoch in self.spec.schedule.cycle_ends
            if epoch <= report.epoch
        }
        save_snapshots(training.evaluated, ends, data, attempt.folder)
        (attempt.folder / "spec.json").write_text(json.dumps(to_plain(self.spec), indent=1))
        attempt.commit(
            {
                "spec": self.job.spec,
                "data": self.job.data_key,
                "fit": self.job.fit_key,
                **({"first_stage": self.job.first_key} if self.job.first_key else {}),
                **({"lungs": lungs_summary(self.store, self.job.lungs_key)} if self.job.lungs_key else {}),
                "epochs": report.epoch,
                "best_epoch": report.best_epoch,
                "classes": list(data.classes),
                "threads": self.job.threads,
                "workers": self.job.workers,
                "seconds": {"one_pass": time.perf_counter() - started},
                **provenance(),
            }
        )
        self._training = None


def _nothing_yet() -> Report:
    """What is said while something is made that the trial's own epochs need."""
    return Report(epoch=0, metrics={}, best_epoch=0, finished=False, time=time.time())


def _train_here(spec: TrialSpec, data: ImageSet, folder: Path | None, lungs: dict[str, Tensor] | None) -> Training:
    from trainables.fit import Training

    return Training(spec, data, weights_folder=folder, lungs=lungs)


def step_name(epoch: int) -> str:
    """Name of an epoch inside its chain."""
    return f"epoch-{epoch:04d}"


def stored_reports(store: Store, fit_key: str) -> list[Report]:
    """The reports of a chain's committed epochs, in order."""
    return [Report(**store.manifest(step).meta["report"]) for step in store.steps(fit_key)]


def weights_folder() -> Path | None:
    """The folder of local weight files that the user named, if any."""
    named = os.environ.get("ORCHESTRATOR_WEIGHTS", "")
    return Path(named).absolute() if named else None
