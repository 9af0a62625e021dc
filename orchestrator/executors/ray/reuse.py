"""Which trial gets a worker that has become free: Tune 2.60 gives it to one whose own worker is just starting, and kills that one.

Starting a worker takes seconds of computing. While trials end faster than workers start, every end then throws such a start
away, and a sweep with many places at once never fills them.
"""

from __future__ import annotations

import time
from typing import Any

PATIENCE_SECONDS = 60.0
"""A worker that has not started by then may wait for a node that never comes: its trial takes any free one."""


def keep_starting_workers() -> None:
    """Have a free worker go to a trial that has none. Does nothing where Tune has other insides than those of 2.60."""
    from ray.tune.execution.tune_controller import TuneController

    inherited = getattr(TuneController, "_maybe_reuse_cached_actor", None)
    if inherited is None or getattr(inherited, "keeps_starting_workers", False):
        return
    waiting: dict[str, float] = {}

    def reuse(controller: Any, trial: Any) -> bool:
        if trial not in controller._resetting_trials and trial in controller._trial_to_actor:
            since = waiting.setdefault(trial.trial_id, time.monotonic())
            if time.monotonic() - since < PATIENCE_SECONDS:
                return False
        waiting.pop(trial.trial_id, None)
        return bool(inherited(controller, trial))

    reuse.keeps_starting_workers = True  # type: ignore[attr-defined]
    TuneController._maybe_reuse_cached_actor = reuse
