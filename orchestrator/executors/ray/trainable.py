"""A trial as Ray Tune runs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ray import tune

from orchestrator.trial import TrialJob, TrialRun


class StoredTrial(tune.Trainable):  # type: ignore[misc]
    """Runs epochs of the trial in its config; keeps nothing of its own, so that one worker serves many trials.

    Tune also sets up workers for trials that have ended elsewhere: nothing is loaded before the first step.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Remember the job."""
        self._config = config
        self._run: TrialRun | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another job."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch. What goes wrong inside a trial is a result; only a dead worker is Ray's business."""
        if self._run is None:
            self._run = TrialRun(TrialJob(**self._config["job"]))
        try:
            report = self._run.step()
        except Exception as failure:
            return {"failed": f"{type(failure).__name__}: {failure}", "done": True}
        value = report.metrics.get(self._config["metric"])
        result = {"epoch": report.epoch, "report": asdict(report), "done": report.finished}
        return result if value is None else {**result, "objective": value}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The store has everything: Tune keeps no checkpoint of ours."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """The first step continues from the store."""
