"""What one trial does on its worker: continue the chain of epochs, then the one pass that everything later works from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.chain import step_name as step_name
from orchestrator.chain import stored_reports as stored_reports
from orchestrator.chain import weights_folder as weights_folder
from orchestrator.computation import compute
from orchestrator.data import open_data
from orchestrator.lungs import lung_weights, lungs_summary, make_lungs
from orchestrator.memory import MOST_MICRO_BATCHES, free_memory, is_out_of_memory
from orchestrator.provenance import provenance, worker
from orchestrator.snapshots import save_snapshots
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial_job import TrialJob
from trainables.spec import SPLITS, NetworkTask, TrialSpec, from_plain, posthoc_key, to_plain
from trainables.spec.files import OPTIMIZER, WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.data.images import ImageSet
    from trainables.fit import Training

__all__ = ["TrialJob", "TrialRun", "step_name", "stored_reports", "weights_folder"]

Train: TypeAlias = "Callable[[TrialSpec, ImageSet, Path | None, dict[str, Tensor] | None], Training]"


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
        self._micro_batches = job.micro_batches

    def step(self) -> Report:
        """Compute the next epoch, or return the last report of what is complete already.

        While the lungs' U-Net or the first of two stages is trained the report is of epoch 0 and says nothing else.
        """
        waiting = self._arrived() if self._training is None else None
        if waiting is not None:
            return waiting
        if self.store.exists(self.job.key):
            self._late_tasks()
            return stored_reports(self.store, self.job.fit_key)[-1]
        lungs = self.spec.lungs
        if lungs is not None and not self.store.exists(self.job.lungs_key):
            make_lungs(self.store, self.job.lungs_key, lungs.segmentation, self.job.data_key, self.job.threads)
            return _nothing_yet()
        if self._first is not None and self._lacks_first_stage():
            return self._step_first(self._first)
        report = self._epoch_that_fits()
        if report.finished:
            self._finalise(report)
            self._late_tasks()
        return report

    def _arrived(self) -> Report | None:
        """The report of the epoch at which the trial waits, if its chain has come so far."""
        reports = stored_reports(self.store, self.job.fit_key) if self.job.until else []
        return next((report for report in reports if report.epoch == self.job.until and not report.finished), None)

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
        if last is not None and self._only_the_pass_is_left(last):
            return
        if last is not None:
            training.load(TrainingState.load(self.store.folder(last)))
        elif self.job.parent:
            training.load(TrainingState.load(self.store.folder(self.job.parent)))
            training.best_epoch, training.best_value = 0, math.inf  # the best weights lie in its own chain
        elif self.job.first_key:
            training.begin_with(load_file(self.store.file(self.job.first_key, WEIGHTS)))

    def _last_step(self) -> str | None:
        """A machine that lost its power may have cut the last files short: then the epoch before counts."""
        whole = (step for step in reversed(self.store.steps(self.job.fit_key)) if self.store.exists(step))
        return next(whole, None)

    def _only_the_pass_is_left(self, last: str) -> bool:
        """Whether the chain is complete and only its best weights were kept: then the network is made from those."""
        finished = bool(self.store.manifest(last).meta["report"]["finished"])
        return finished and OPTIMIZER in self.store.thinned(last)

    def _data(self) -> ImageSet:
        return open_data(self.store, self.job.data_key)

    def _epoch_that_fits(self) -> Report:
        """The next epoch; while memory runs out, from the last one anew with batches in twice as many parts."""
        while True:
            try:
                return self._next_epoch()
            except (MemoryError, RuntimeError) as failure:
                if not is_out_of_memory(failure) or self.job.workers > 1 or self._micro_batches >= MOST_MICRO_BATCHES:
                    raise
            self._training = None
            free_memory()
            self._micro_batches *= 2

    def _next_epoch(self) -> Report:
        training = self._continued()
        training.micro_batches = self._micro_batches
        return self._epoch(training) if not training.finished else stored_reports(self.store, self.job.fit_key)[-1]

    def _epoch(self, training: Training) -> Report:
        step = f"{self.job.fit_key}/{step_name(training.epoch + 1)}"
        if self.store.exists(step):
            return self._overtaken(training)
        attempt = self.store.begin(step)
        result = training.run_epoch()
        _require_finite(result.epoch, result.metrics)
        report = Report(
            epoch=result.epoch,
            metrics=result.metrics,
            best_epoch=result.best_epoch,
            finished=result.finished,
            seconds=result.seconds,
            time=time.time(),
            micro_batches=self._micro_batches,
            worker=self._worker(),
        )
        training.state().save(attempt.folder)
        if not attempt.commit({"report": asdict(report)}):
            return self._overtaken(training)
        self._thin(report)
        return report

    def _worker(self) -> dict[str, Any]:
        return worker(threads=self.job.threads, workers=self.job.workers, gpus=self.job.gpus)

    def _overtaken(self, training: Training) -> Report:
        """Another worker has the same trial, such as one that outlived its driver, and was faster: its epochs count."""
        self._load_last(training)
        return stored_reports(self.store, self.job.fit_key)[-1]

    def _thin(self, report: Report) -> None:
        """Keep the last two states, and of the others the weights that are best or end a cycle."""
        kept = {step_name(epoch) for epoch in (report.best_epoch, *self.spec.schedule.cycle_ends)}
        every = self.job.keep_every
        whole = {step_name(epoch) for epoch in range(every, report.epoch, every)} if every else set()
        for step in self.store.steps(self.job.fit_key)[:-2]:
            if step.rsplit("/", 1)[-1] in whole:
                continue
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
            if epoch <= report.epoch and self.store.exists(f"{self.job.fit_key}/{step_name(epoch)}")
        }
        save_snapshots(training.evaluated, ends, data, attempt.folder)
        (attempt.folder / "spec.json").write_text(json.dumps(to_plain(self.spec), indent=1))
        attempt.commit(
            {
                "spec": self.job.spec,
                "data": self.job.data_key,
                "fit": self.job.fit_key,
                **({"first_stage": self.job.first_key} if self.job.first_key else {}),
                **({"parent": self.job.parent} if self.job.parent else {}),
                **({"lungs": lungs_summary(self.store, self.job.lungs_key)} if self.job.lungs_key else {}),
                "epochs": report.epoch,
                "best_epoch": report.best_epoch,
                "classes": list(data.classes),
                "threads": self.job.threads,
                "workers": self.job.workers,
                "worker": self._worker(),
                "seconds": {"one_pass": time.perf_counter() - started},
                **provenance(),
            }
        )
        self._training = None


def _require_finite(epoch: int, metrics: Mapping[str, float]) -> None:
    """Fail a trial whose metrics are no numbers: nothing can be chosen by them, and its weights are worth as much."""
    lost = ", ".join(sorted(name for name, value in metrics.items() if not math.isfinite(value)))
    if lost:
        raise ValueError(
            f"After epoch {epoch} {lost} is not finite: training has diverged, or the metric is not defined on this split. "
            "A smaller learning rate than this trial's, or another metric, may help."
        )


def _nothing_yet() -> Report:
    """What is said while something is made that the trial's own epochs need."""
    return Report(epoch=0, metrics={}, best_epoch=0, finished=False, time=time.time())


def _train_here(spec: TrialSpec, data: ImageSet, folder: Path | None, lungs: dict[str, Tensor] | None) -> Training:
    from trainables.fit import Training

    return Training(spec, data, weights_folder=folder, lungs=lungs)
