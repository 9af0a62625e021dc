"""Trials that get another try with less memory or a larger share of it, before the source is asked for the next one."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.memory import MOST_MICRO_BATCHES, is_out_of_memory, larger_share
from orchestrator.trial import TrialJob

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Try:
    """A trial with the share of a GPU that it gets."""

    job: TrialJob
    gpus: float


class Again:
    """Knows every trial that runs.

    Args:
        gpus: the share that a trial begins with.
        raises: whether a trial that fails for lack of memory is tried with a larger share.
    """

    def __init__(self, *, gpus: float = 0.0, raises: bool = False) -> None:
        self.raises = raises
        self._gpus = gpus
        self._live: dict[str, Try] = {}
        self._waiting: deque[Try] = deque()

    def next(self) -> Try | None:
        """The next one that is tried again."""
        if not self._waiting:
            return None
        return self._begun(self._waiting.popleft())

    def first(self, job: TrialJob) -> Try:
        """A trial of the source."""
        return self._begun(Try(job=job, gpus=self._gpus))

    def over(self, name: str) -> None:
        """A trial has ended."""
        self._live.pop(name, None)

    def with_larger_share(self, name: str, reason: str) -> bool:
        """Whether a failed trial is tried again with twice its share of a GPU: it ran out of memory, and had not a whole one."""
        tried = self._live.get(name)
        if tried is None or not self.raises or not 0 < tried.gpus < 1 or not is_out_of_memory(RuntimeError(reason)):
            return False
        larger = replace(tried, gpus=larger_share(tried.gpus))
        self._waiting.append(larger)
        self.over(name)
        log.warning("%s ran out of memory with %.3g of a GPU, and is tried with %.3g.", name, tried.gpus, larger.gpus)
        return True

    def all_live(self) -> int:
        """Try every trial that runs once more, after Tune itself has ended; say how many."""
        self._waiting.extendleft(reversed(self._live.values()))
        count = len(self._live)
        self._live.clear()
        return count

    def _begun(self, chosen: Try) -> Try:
        self._live[chosen.job.name] = chosen
        return chosen


def in_smaller_parts(plain_job: dict[str, Any]) -> None:
    """Have a trial's next worker cut its batches into twice as many parts; its reports then say so.

    Args:
        plain_job: the job's JSON values, changed in place: Tune hands the same ones to the next worker.
    """
    if plain_job["workers"] == 1:
        plain_job["micro_batches"] = min(MOST_MICRO_BATCHES, 2 * plain_job["micro_batches"])
