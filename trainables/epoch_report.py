"""What an epoch has brought, and the seeds of what is drawn in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What an epoch has brought.

    Attributes:
        epoch: 1 for the first.
        metrics: `train/loss`, `val/...`, `temperature/val/...`, `train/learning_rate`.
        best_epoch: epoch with the best value of the schedule's metric so far.
        finished: whether the network is complete: end of the schedule, or its own early stop.
        seconds: `train` and `evaluate`.
    """

    epoch: int
    metrics: dict[str, float]
    best_epoch: int
    finished: bool
    seconds: dict[str, float]


def epoch_seed(seed: int, epoch: int, purpose: str) -> int:
    """A seed for one purpose in one epoch, unrelated to its neighbours."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()[:7])
