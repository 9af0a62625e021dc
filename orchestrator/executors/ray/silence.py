"""Workers that hang: one that has said nothing for too long is ended, and Tune tries its trial again on another."""

from __future__ import annotations

import time
from typing import Any

import ray


class Silence:
    """Since when each running trial says nothing. The driver's clock counts, from the start of the worker or its last report.

    Args:
        longest_seconds: of silence; 0 for any.
    """

    def __init__(self, longest_seconds: float) -> None:
        self._longest = longest_seconds
        self._since: dict[str, tuple[float, Any]] = {}
        self._ended: dict[str, int] = {}

    def heard(self, trial: Any) -> None:
        """The trial has begun or reported."""
        self._since[trial.trial_id] = time.monotonic(), trial

    def over(self, trial: Any) -> str:
        """The trial has ended; say so if it was its silence that ended it."""
        self._since.pop(trial.trial_id, None)
        ended = self._ended.pop(trial.trial_id, 0)
        return (
            f"It hung: {ended} workers in turn said nothing for {self._longest / 60:g} minutes, and were ended. If its epochs "
            "take that long, raise resources/timeout_minutes."
            if ended
            else ""
        )

    def end_silent_workers(self) -> None:
        """Kill the workers whose trials have been silent for too long."""
        if not self._longest:
            return
        now = time.monotonic()
        for name, (since, trial) in list(self._since.items()):
            worker = trial.temporary_state.ray_actor
            if now - since > self._longest and worker is not None:
                self._ended[name] = self._ended.get(name, 0) + 1
                del self._since[name]  # until the next worker has taken it
                ray.kill(worker)
