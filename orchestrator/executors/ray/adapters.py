"""Our trials in Tune's words: a searcher that hands them out, a scheduler that asks our rule, a callback that listens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ray.tune import Callback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from orchestrator.executors.protocol import FINISHED, WAIT, TrialSource
from orchestrator.executors.ray.again import Again, in_smaller_parts
from orchestrator.executors.ray.losses import NodeLosses, last_failure
from orchestrator.executors.ray.low_memory import is_low_memory
from orchestrator.executors.ray.silence import Silence
from orchestrator.storage.ledger import Report
from search_spaces.stopping import Rule


class SourceSearcher(Searcher):  # type: ignore[misc]
    """Gives Tune the trials of a source. The live objects are used: Tune pickles searchers, and gets nothing of ours."""

    def __init__(self, source: TrialSource, *, concurrent: int, metric: str, again: Again) -> None:
        super().__init__(metric="objective", mode="min")
        self._source = source
        self._concurrent = concurrent
        self._followed = metric
        self._again = again
        self._live: set[str] = set()

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial, None to ask again later."""
        if self._source.interrupted():
            return Searcher.FINISHED  # None would have Tune ask for ever once no trial runs
        if len(self._live) >= self._concurrent:
            return None
        chosen = self._again.next()
        if chosen is None:
            job = self._source.next_trial()
            if job == FINISHED and self._live and self._again.raises:
                return None  # one of these may need another try
            if job == FINISHED:
                return Searcher.FINISHED
            if job == WAIT:
                return None
            chosen = self._again.first(job)
        self._live.add(trial_id)
        return {"job": replace(chosen.job, gpus=chosen.gpus).to_plain(), "metric": self._followed, "gpus": chosen.gpus}

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


class Ruling(FIFOScheduler):  # type: ignore[misc]
    """Our own rule in Tune's words. Trials that no scheduler may stop are not told to it.

    Args:
        rule: told of the reports of earlier starts already.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self._rule = rule

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """The rule's decision, taken under the row's name, so that a trial that goes on is judged as the one it is."""
        stops = self._told(trial, result)
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Record the last report of a trial that ran to its end."""
        self._told(trial, result)

    def _told(self, trial: Any, result: dict[str, Any]) -> bool:
        if not trial.config["job"]["schedules"] or "objective" not in result:
            return False
        return self._rule.stops(_row_name(trial), result["epoch"], result["objective"])

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

    def __init__(
        self,
        source: TrialSource,
        losses: NodeLosses | None = None,
        silence: Silence | None = None,
        again: Again | None = None,
    ) -> None:
        self._source = source
        self._again = again or Again()
        self._losses = losses or NodeLosses()
        self._silence = silence or Silence(0.0)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's loop has turned once."""
        self._silence.end_silent_workers()
        self._source.on_tick()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has taken a trial."""
        self._silence.heard(trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """An epoch is over."""
        self._silence.heard(trial)
        if "report" in result:
            self._source.on_report(_row_name(trial), Report(**result["report"]))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has ended: by itself, by the scheduler, or with a failure that it reported."""
        self._silence.over(trial)
        result = trial.last_result or {}
        name = _row_name(trial)
        if "failed" in result and self._again.with_larger_share(name, result["failed"]):
            return
        self._again.over(name)
        if "failed" in result:
            self._source.on_end(name, "failed", result["failed"])
        elif result.get("report", {}).get("finished"):
            self._source.on_end(name, "finished")
        else:
            self._source.on_end(name, "stopped")

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has died, and Tune starts the trial again; what happened to a node is not held against the trial."""
        said = last_failure(trial)
        if self._losses.forgive(_row_name(trial), said) and trial.num_failures:
            trial.run_metadata.num_failures -= 1
        if is_low_memory(said):
            in_smaller_parts(trial.config["job"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker died more often than it may."""
        self._again.over(_row_name(trial))
        reason = self._silence.over(trial) or f"The worker died: {trial.get_error()}"
        self._source.on_end(_row_name(trial), "failed", reason)

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _row_name(trial: Any) -> str:
    return str(trial.config["job"]["name"])
