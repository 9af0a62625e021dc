"""Post-hoc tasks on a worker: run them on stored networks and commit what they find."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.provenance import provenance
from orchestrator.storage.store import Store
from trainables.spec import PixelBaseline, PosthocSpec, from_plain

if TYPE_CHECKING:
    from trainables.posthoc import PosthocResult


@dataclass(frozen=True, kw_only=True)
class PosthocJob:
    """One wanted result: plain values only.

    Attributes:
        key: key of the result.
        task: settings of the task as JSON values.
        members: keys of the networks it works on; of the data set for a baseline.
    """

    key: str
    task: dict[str, Any]
    members: tuple[str, ...]


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


def compute(store: Store, task: PosthocSpec, key: str, members: Sequence[str]) -> None:
    """Run one task on stored networks and commit the result under its key."""
    from safetensors.torch import save_file

    attempt = store.begin(key)
    started = time.perf_counter()
    result = _result(store, task, members)
    for split, predictions in result.predictions.items():
        predictions.save(attempt.folder / predictions_file(split))
    if result.tensors:
        tensors = {name: tensor.contiguous() for name, tensor in result.tensors.items()}
        save_file(tensors, attempt.folder / "tensors.safetensors")
    attempt.commit(
        {
            "task": {"kind": task.kind, "name": task.name},
            "members": list(members),
            "metrics": {name: _finite(value) for name, value in result.metrics.items()},
            "seconds": {**result.seconds, "total": time.perf_counter() - started},
            "remarks": list(result.remarks),
            **provenance(),
        }
    )


def _result(store: Store, task: PosthocSpec, members: Sequence[str]) -> PosthocResult:
    if isinstance(task, PixelBaseline):
        from trainables.data.prepare import load
        from trainables.posthoc.baseline import run as run_baseline

        return run_baseline(task, load(store.folder(members[0])))
    from orchestrator.network import StoredNetwork
    from trainables.posthoc import run

    return run(task, [StoredNetwork(store, member) for member in members])


def predictions_file(split: str) -> str:
    """Name of the file with the predictions of a split, or of a task's own on a split (`temperature/val`)."""
    return f"predictions-{split.replace('/', '.')}.safetensors"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _outcome(store: Store, job: PosthocJob) -> PosthocOutcome:
    error = ""
    try:
        if not store.exists(job.key):
            compute(store, from_plain(PosthocSpec, job.task), job.key, job.members)
    except Exception as failure:  # any failure of one task is recorded and must not end the others
        error = f"{type(failure).__name__}: {failure}"
        if not isinstance(failure, ValueError):
            error += "\n" + traceback.format_exc(limit=-4)
    return PosthocOutcome(key=job.key, task=job.task, members=job.members, error=error)
