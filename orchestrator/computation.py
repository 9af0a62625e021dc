"""One post-hoc task, computed on stored networks and committed under its key."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.provenance import provenance, worker
from orchestrator.storage.store import Store
from trainables.spec import PixelBaseline, PosthocSpec

if TYPE_CHECKING:
    from trainables.posthoc import PosthocResult


def compute(store: Store, task: PosthocSpec, key: str, members: Sequence[str], inputs: Sequence[str] = ()) -> None:
    """Run one task on stored networks and commit the result under its key.

    Args:
        store: where all of it lies.
        task: what to compute.
        key: of the result.
        members: keys of the networks; of the data set for a baseline.
        inputs: keys of the results on these networks whose predictions are pooled in place of the networks' own.
    """
    import torch
    from safetensors.torch import save_file

    attempt = store.begin(key)
    started = time.perf_counter()
    result = _result(store, task, members, inputs)
    for split, predictions in result.predictions.items():
        predictions.save(attempt.folder / predictions_file(split))
    if result.tensors:
        tensors = {name: tensor.contiguous() for name, tensor in result.tensors.items()}
        save_file(tensors, attempt.folder / "tensors.safetensors")
    attempt.commit(
        {
            "task": {"kind": task.kind, "name": task.name},
            "members": list(members),
            **({"inputs": list(inputs)} if inputs else {}),
            **({"details": dict(result.details)} if result.details else {}),
            "metrics": {name: _finite(value) for name, value in result.metrics.items()},
            "seconds": {**result.seconds, "total": time.perf_counter() - started},
            "remarks": list(result.remarks),
            "worker": worker(threads=torch.get_num_threads()),
            **provenance(),
        }
    )


def _result(store: Store, task: PosthocSpec, members: Sequence[str], inputs: Sequence[str]) -> PosthocResult:
    if isinstance(task, PixelBaseline):
        from orchestrator.data import open_data
        from trainables.posthoc.baseline import run as run_baseline

        return run_baseline(task, open_data(store, members[0]))
    from orchestrator.network import NetworkUnderTask, StoredNetwork
    from trainables.posthoc import run

    if inputs:
        pairs = zip(members, inputs, strict=True)
        return run(task, [NetworkUnderTask(store, member, result) for member, result in pairs])
    return run(task, [StoredNetwork(store, member) for member in members])


def predictions_file(split: str) -> str:
    """Name of the file with the predictions of a split, or of a task's own on a split (`temperature/val`)."""
    return f"predictions-{split.replace('/', '.')}.safetensors"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
