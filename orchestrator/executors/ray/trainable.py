"""A trial as Ray Tune runs it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune

from orchestrator import memory
from orchestrator.executors.protocol import MakeTrial, TrialSteps
from orchestrator.executors.ray.group import GroupDied, TrialFailed, WorkerGroup
from orchestrator.executors.ray.losses import NOT_CLEAN
from orchestrator.storage.ledger import Report
from orchestrator.trial import TrialJob, TrialRun


class NotClean(RuntimeError):
    """A worker between two trials still holds memory of a GPU."""


class StoredTrial(tune.Trainable):  # type: ignore[misc]
    """Runs epochs of the trial in its config; keeps nothing of its own, so that one worker serves many trials.

    Tune also sets up workers for trials that have ended elsewhere: nothing is loaded before the first step.
    """

    def setup(self, config: dict[str, Any], make_trial: MakeTrial = TrialRun) -> None:
        """Remember the job."""
        self._make_trial = make_trial
        self._group: WorkerGroup | None = None
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another job."""
        self._take(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch. What goes wrong inside a trial is a result; only a dead worker is Ray's business.

        Raises:
            NotClean: the trial before has left something on the GPU; Tune 2.60 gives this one another worker. It would fail for
                good if that were said when it is handed over.
        """
        if self._run is None and (held := memory.gpu_bytes_held()) > memory.MOST_HELD:
            raise NotClean(f"{NOT_CLEAN} {held / 2**20:,.0f} MiB of a GPU")
        try:
            report = self._step()
        except GroupDied:
            raise
        except TrialFailed as failure:
            self.cleanup()
            return {"failed": str(failure), "done": True}
        except Exception as failure:
            return {"failed": f"{type(failure).__name__}: {failure}", "done": True}
        value = report.metrics.get(self._config["metric"])
        result = {"epoch": report.epoch, "report": asdict(report), "done": report.finished or self._job.waits(report)}
        return result if value is None else {**result, "objective": value}

    def cleanup(self) -> None:
        """Let the other workers go, if there are some."""
        if self._group is not None:
            self._group.end()
            self._group = None

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The store has everything: Tune keeps no checkpoint of ours."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """The first step continues from the store."""

    def _take(self, config: dict[str, Any]) -> None:
        self._config = config
        self._run: TrialSteps | None = None
        memory.free_memory()  # of the trial before
        self._job = TrialJob(**config["job"])

    def _step(self) -> Report:
        """In this process, or in a group of workers."""
        job = self._job
        if job.workers > 1:
            if self._group is None:
                folder = Path(self.logdir)
                self._group = WorkerGroup(job.workers, cpus=job.threads, gpus=self._config["gpus"], folder=folder)
            return self._group.step(job)
        if self._run is None:
            memory.limit_memory(job.memory_gb)
            self._run = self._make_trial(job)
        return self._run.step()
