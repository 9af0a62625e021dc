"""Post-hoc tasks on a worker: run them on stored networks and commit what they find."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from orchestrator.computation import compute
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, TrialRun
from trainables.spec import PosthocSpec, from_plain


@dataclass(frozen=True, kw_only=True)
class PosthocJob:
    """One wanted result: plain values only.

    Attributes:
        key: key of the result.
        task: settings of the task as JSON values.
        members: keys of the networks it works on; of the data set for a baseline.
        inputs: keys of results on these networks that it works on in place of the networks' own predictions.
        stopped: the trial behind a network that a scheduler stopped, and its epochs: the network is made when it is needed.
    """

    key: str
    task: dict[str, Any]
    members: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    stopped: tuple[TrialJob, int] | None = None


@dataclass(frozen=True, kw_only=True)
class PosthocBatch:
    """Results that are computed one after another by one worker, because they share the same networks.

    Attributes:
        jobs: what to compute.
        storage: the storage folder.
        threads: CPU threads of the worker.
    """

    jobs: tuple[PosthocJob, ...]
    storage: str
    threads: int = 1

    @property
    def name(self) -> str:
        """What a person reads in the queue."""
        return "+".join(sorted({str(job.task["kind"]) for job in self.jobs}))


@dataclass(frozen=True, kw_only=True)
class PosthocOutcome:
    """What became of one job; `error` is empty when the result is committed."""

    key: str
    task: dict[str, Any]
    members: tuple[str, ...]
    error: str = ""


def run_batch(batch: PosthocBatch) -> list[PosthocOutcome]:
    """Compute every job that is not in the store yet. A job that fails is told by its error, and the rest goes on."""
    import torch

    torch.set_num_threads(batch.threads)
    store = Store(batch.storage)
    return [_outcome(store, job) for job in batch.jobs]


def _outcome(store: Store, job: PosthocJob) -> PosthocOutcome:
    error = ""
    try:
        if job.stopped is not None:
            trial, epochs = job.stopped
            TrialRun(trial).finalise_stopped(epochs)
        if not store.exists(job.key):
            compute(store, from_plain(PosthocSpec, job.task), job.key, job.members, job.inputs)
    except Exception as failure:  # any failure of one task is recorded and must not end the others
        error = f"{type(failure).__name__}: {failure}"
        if not isinstance(failure, ValueError):
            error += "\n" + traceback.format_exc(limit=-4)
    return PosthocOutcome(key=job.key, task=job.task, members=job.members, error=error)
