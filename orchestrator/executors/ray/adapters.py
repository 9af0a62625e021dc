"""Our trials in Tune's words: a searcher that hands them out, a scheduler that knows the past, a callback that listens."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from orchestrator.executors.protocol import FINISHED, WAIT, Scheduling, TrialSource
from orchestrator.executors.ray.losses import NodeLosses, last_failure
from orchestrator.storage.ledger import Report

FAR_AWAY = 10_000


class SourceSearcher(Searcher):  # type: ignore[misc]
    """Gives Tune the trials of a source. The live objects are used: Tune pickles searchers, and gets nothing of ours."""

    def __init__(self, source: TrialSource, *, concurrent: int, metric: str, gpus: float = 0.0) -> None:
        super().__init__(metric="objective", mode="min")
        self._source = source
        self._concurrent = concurrent
        self._followed = metric
        self._gpus = gpus
        self._live: set[str] = set()

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial, None to ask again later."""
        if self._source.interrupted():
            return Searcher.FINISHED  # None would have Tune ask for ever once no trial runs
        if len(self._live) >= self._concurrent:
            return None
        job = self._source.next_trial()
        if job == FINISHED:
            return Searcher.FINISHED
        if job == WAIT:
            return None
        self._live.add(trial_id)
        return {"job": job.to_plain(), "metric": self._followed, "gpus": self._gpus}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A place is free."""
        self._live.discard(trial_id)

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Accept what Tune says; the source knows its own objectives."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing to save."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class ReplayedAsha(AsyncHyperBandScheduler):  # type: ignore[misc]
    """Tune's ASHA, told of the reports of earlier starts, and silent about trials that no scheduler may stop."""

    def __init__(self, scheduling: Scheduling) -> None:
        asha = scheduling.asha
        assert asha is not None
        super().__init__(
            time_attr="epoch",
            metric="objective",
            mode=scheduling.objective.mode,
            max_t=FAR_AWAY,
            grace_period=asha.grace_epochs,
            reduction_factor=asha.reduction_factor,
            brackets=1,
        )
        for name, epoch, value in scheduling.history:
            past = _Past(name)
            self.on_trial_add(None, past)
            super().on_trial_result(None, past, {"epoch": epoch, "objective": value})

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Note a trial under the name of its row."""
        super().on_trial_add(tune_controller, _Past(_row_name(trial)))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's decision, taken under the row's name, so that a trial that goes on is judged once at every rung."""
        if isinstance(trial, Trial) and not trial.config["job"]["schedules"]:
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(tune_controller, _Past(_row_name(trial)), result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Record the last report of a trial that ran to its end."""
        if trial.config["job"]["schedules"] and "objective" in result:
            super().on_trial_result(tune_controller, _Past(_row_name(trial)), result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Nothing to forget: rungs keep names, not trials."""

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A failed trial leaves its earlier reports."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StopAtInterrupt(Stopper):  # type: ignore[misc]
    """Ends Tune's loop when the source is interrupted. Workers get a few seconds for the epoch they are at."""

    def __init__(self, source: TrialSource) -> None:
        self._source = source

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial."""
        return False

    def stop_all(self) -> bool:
        """Whether the user wants an end."""
        return self._source.interrupted()

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Listener(Callback):  # type: ignore[misc]
    """Passes on what Tune says. The callback hears every report, also the one at which the scheduler stops a trial."""

    def __init__(self, source: TrialSource, losses: NodeLosses) -> None:
        self._source = source
        self._losses = losses

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's loop has turned once."""
        self._source.on_tick()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """An epoch is over."""
        if "report" in result:
            self._source.on_report(_row_name(trial), Report(**result["report"]))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has ended: by itself, by the scheduler, or with a failure that it reported."""
        result = trial.last_result or {}
        if "failed" in result:
            self._source.on_end(_row_name(trial), "failed", result["failed"])
        elif result.get("report", {}).get("finished"):
            self._source.on_end(_row_name(trial), "finished")
        else:
            self._source.on_end(_row_name(trial), "stopped")

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has died, and Tune starts the trial again; what happened to a node is not held against the trial."""
        if self._losses.forgive(_row_name(trial), last_failure(trial)) and trial.num_failures:
            trial.run_metadata.num_failures -= 1

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker died more often than it may."""
        self._source.on_end(_row_name(trial), "failed", f"The worker died: {trial.get_error()}")

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Past:
    """A trial as far as ASHA looks at it."""

    def __init__(self, name: str) -> None:
        self.trial_id = name


def _row_name(trial: Any) -> str:
    return trial.trial_id if isinstance(trial, _Past) else str(trial.config["job"]["name"])
