"""How fast one core draws synthetic radiographs."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import row
from trainables.data.synthetic import synthesize

LEAST_PER_SECOND = 200


def rows(*, repetitions: int = 3) -> list[dict[str, Any]]:
    """The time of one radiograph at 128 px against the time that 200 a second leave."""
    costs = [LEAST_PER_SECOND / images_per_second() for _ in range(repetitions)]
    return [
        row(
            "synthetic radiographs at 128 px",
            f"a rate of {LEAST_PER_SECOND} images a second and core",
            statistics.median(costs),
            goal=1.0,
            spread=(max(costs) - min(costs)) / 2,
            repetitions=repetitions,
            sizes="128 px, CPU time of one process",
        )
    ]


def images_per_second(size: int = 128, seconds: float = 2.0) -> float:
    """Return the radiographs drawn per second of this process's CPU time.

    Args:
        size: Pixels along a side.
        seconds: CPU time to measure for, after a short warm-up.
    """
    for index in range(8):
        synthesize(index, size=size)
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        synthesize(count, size=size)
        count += 1
    return count / spent
