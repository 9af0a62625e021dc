"""A ratio of two costs, measured in turns in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Work = Callable[[], object]


@dataclass(frozen=True)
class Size:
    """How much a step computes."""

    batch: int
    side: int
    precision: Literal["float32", "bfloat16"] = "float32"

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.side} px, {self.precision}"

    def autocast(self) -> torch.autocast:
        """The context of a forward pass and a loss."""
        return torch.autocast(DEVICE, torch.bfloat16, enabled=self.precision == "bfloat16")


def ratio_row(
    name: str,
    peer_name: str,
    ours: Work,
    peer: Work,
    *,
    goal: float | None,
    repetitions: int,
    sizes: str,
    note: str = "",
) -> dict[str, Any]:
    """The median ratio of interleaved repetitions, and half the distance of its quartiles as the spread.

    Args:
        name: what is measured.
        peer_name: what it is measured against.
        ours: our work.
        peer: the peer's work, or the work that ours cannot do without.
        goal: the ratio that is good enough, or None with the reason in the note.
        repetitions: pairs measured; one more warms up.
        sizes: what the ratio depends on.
        note: what a reader must know.
    """
    ratios = []
    for repetition in range(repetitions + 1):
        pair = (seconds(ours), seconds(peer)) if repetition % 2 else (seconds(peer), seconds(ours))[::-1]
        if repetition:  # the first warms up
            ratios.append(pair[0] / pair[1])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return row(
        name,
        peer_name,
        middle,
        goal=goal,
        spread=(high - low) / 2,
        repetitions=repetitions,
        sizes=sizes,
        note=note,
    )


def row(
    name: str,
    peer: str,
    ratio: float,
    *,
    goal: float | None,
    spread: float,
    repetitions: int,
    sizes: str,
    note: str = "",
) -> dict[str, Any]:
    """A row of `benchmarks/results/<name>.json`; less is better."""
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    return {
        "name": name,
        "peer": peer,
        "ratio": round(ratio, 4),
        "goal": goal,
        "spread": round(spread, 4),
        "repetitions": repetitions,
        "sizes": sizes,
        "device": device,
        "note": note,
    }


def seconds(work: Work) -> float:
    """Seconds on the clock of the wall, the device's work included."""
    start = time.perf_counter()
    work()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
