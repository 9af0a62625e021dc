"""A worker that Ray's memory monitor has ended is a worker that died: Tune 2.60 ends the whole sweep instead.

Tune knows neither of the errors by which Ray says it, and raises a RuntimeError out of its loop.
"""

from __future__ import annotations

from typing import Any

import ray

SAID = ("low on memory", "outofmemoryerror")
MOST_RESTARTS = 5
"""Of Tune, in one start of a sweep, where its insides are others than those of 2.60."""


class EndedByMemoryMonitor(ray.exceptions.RayActorError):  # type: ignore[misc]
    """The worker of a trial was ended, because its machine had no memory left."""


def is_low_memory(failure: BaseException | str | None) -> bool:
    """Whether a failure, or what caused it, says that Ray's memory monitor has ended a worker."""
    if failure is None or isinstance(failure, str):
        return any(words in (failure or "").lower() for words in SAID)
    return is_low_memory(f"{type(failure).__name__}: {failure}") or is_low_memory(failure.__cause__)


def count_as_deaths() -> None:
    """Have Tune start such a trial again, as after any death of a worker. Does nothing where Tune has other insides."""
    from ray.air.execution._internal.actor_manager import RayActorManager

    inherited = getattr(RayActorManager, "_actor_task_failed", None)
    if inherited is None or getattr(inherited, "counts_as_deaths", False):
        return

    def failed(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, ray.exceptions.OutOfMemoryError):
            exception = EndedByMemoryMonitor(error_msg=f"OutOfMemoryError: {exception}")
        inherited(manager, tracked_actor_task, exception)

    failed.counts_as_deaths = True  # type: ignore[attr-defined]
    RayActorManager._actor_task_failed = failed
