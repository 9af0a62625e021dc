"""`make bench-scale`: a thousand trials that only sleep, through the real driver, ledger, study, Ray and MLflow.

Sizes are settable: `SCALE_TRIALS` (1000), `SCALE_CONCURRENT` (64), `SCALE_EPOCHS` (10), `SCALE_SECONDS` of an epoch (1),
`SCALE_STEADY_SECONDS` of an epoch (10) and `SCALE_STEADY_EPOCHS` (12) of the run in steady state. A small run:
`SCALE_TRIALS=60 SCALE_CONCURRENT=6 SCALE_EPOCHS=2 SCALE_SECONDS=0.5 SCALE_STEADY_SECONDS=2 SCALE_STEADY_EPOCHS=4`.

The first run has a machine's worth of trials start at once; nothing is measured before all places were filled once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import row

Marks = list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a run is."""

    trials: int
    concurrent: int
    epochs: int
    seconds: float
    steady_seconds: float
    steady_epochs: int

    @staticmethod
    def of_environment() -> Sizes:
        """Those of the environment."""
        return Sizes(
            trials=int(_setting("TRIALS", 1000)),
            concurrent=int(_setting("CONCURRENT", 64)),
            epochs=int(_setting("EPOCHS", 10)),
            seconds=_setting("SECONDS", 1),
            steady_seconds=_setting("STEADY_SECONDS", 10),
            steady_epochs=int(_setting("STEADY_EPOCHS", 12)),
        )

    def __str__(self) -> str:
        return (
            f"{self.trials} trials, {self.concurrent} at once, {self.epochs} results each, one in {self.seconds:g} s; "
            f"{os.cpu_count()} cores"
        )


def rows() -> list[dict[str, Any]]:
    """A search, its extension, its status and report, and another one with rare results in steady state."""
    sizes = Sizes.of_environment()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        first = drive(f"{folder}/a", sizes.trials, sizes.concurrent, sizes.epochs, sizes.seconds)
        further = sizes.trials + sizes.concurrent
        again = drive(f"{folder}/a", further, sizes.concurrent, sizes.epochs, sizes.seconds)
        answers = [
            _seconds_row(f"orchestrator {name} of {further} trials", answer(name, f"{folder}/a"), 5.0, str(sizes))
            for name in ("status", "report")
        ]
        steady = drive(f"{folder}/b", 3 * sizes.concurrent, sizes.concurrent, sizes.steady_epochs, sizes.steady_seconds)
    megabytes = _plain_row("memory of the driver", "a gigabyte", first["megabytes"] / 1024, None, str(sizes))
    resume = "from the command to its first new trial"
    return [
        *_growth(first, sizes),
        _seconds_row(resume, again["first_trial"], 20.0, f"a sweep of {sizes.trials} trials, extended"),
        _plain_row(f"{resume}'s first result", "a second", again["first_report"], None, "workers start in between"),
        *answers,
        {**megabytes, "note": "largest resident size of the process; it holds Ray and the study, and no MLflow"},
        _overhead(steady, sizes),
    ]


def drive(storage: str, trials: int, concurrent: int, epochs: int, seconds: float) -> dict[str, Any]:
    """Run a driver in a process of its own, and return what it says about itself."""
    words = [storage, str(trials), str(concurrent), str(epochs), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sleeping_driver", *words], stdout=subprocess.PIPE, check=True, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if not told["finished"] or told["failed"]:
        raise RuntimeError(f"The sleeping sweep did not finish: {told['failed']} trials failed.")
    if told["tracking"]:
        print(told["tracking"], file=sys.stderr)
    return told


def answer(command: str, storage: str) -> float:
    """Seconds of a command, its start included; the better of two: the first reads from disk, and a report keeps its importances."""
    return min(_timed([sys.executable, "-m", "orchestrator", command, "sleeping", "--storage", storage]) for _ in "ab")


def _timed(words: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _growth(told: dict[str, Any], sizes: Sizes) -> list[dict[str, Any]]:
    """Seconds that the driver computes for a trial around the hundredth and at the end, while all places are filled."""
    ended: Marks = told["ended"]
    window = min(100, (sizes.trials - 2 * sizes.concurrent) // 3)
    last = sizes.trials - sizes.concurrent  # later ones leave places empty
    early = _computed(ended, sizes.concurrent, sizes.concurrent + window)
    late = _computed(ended, last - window, last)
    name = f"driver's seconds a trial at {last} trials"
    growth = _plain_row(name, f"at {sizes.concurrent + window // 2}", late / early, 1.2, str(sizes))
    seconds = _plain_row(
        "driver's seconds a trial", "a second", _computed(ended, sizes.concurrent, last), None, str(sizes)
    )
    return [growth, {**seconds, "note": "computed by the driver's process; runs are sent by another one"}]


def _computed(marks: Marks, first: int, last: int) -> float:
    return (marks[last][1] - marks[first][1]) / (last - first)


def _overhead(told: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Time of all places over the sum of sleeps, between the first time that all are filled and the first empty one."""
    places, reported = sizes.concurrent, [wall for wall, _ in told["reported"]]
    began = reported[2 * places]  # every place has reported, those that started late too
    until = told["started"][-1][0]
    inside = [moment for moment in reported if began < moment <= until]
    ideal = len(inside) * sizes.steady_seconds / places
    of = f"{3 * places} trials, {places} at once, {sizes.steady_epochs} results each, one in {sizes.steady_seconds:g} s"
    found = _plain_row("time of the places", "the sum of sleeps", (inside[-1] - began) / ideal, 1.02, of)
    minutes = sizes.steady_epochs * sizes.steady_seconds / 60
    note = f"trials of {minutes:.1f} minutes in place of 10 at the same rate of results: places change hands more often"
    return {**found, "note": note}


def _seconds_row(name: str, taken: float, limit: float, sizes: str) -> dict[str, Any]:
    found = _plain_row(name, f"{limit:g} seconds", taken / limit, 1.0, sizes)
    return {**found, "note": f"{taken:.1f} s, a process with its imports"}


def _plain_row(name: str, peer: str, ratio: float, goal: float | None, sizes: str) -> dict[str, Any]:
    note = "" if goal is not None else "no goal: a figure to know"
    return row(name, peer, ratio, goal=goal, spread=0.0, repetitions=1, sizes=sizes, note=note)


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(f"SCALE_{name}", default))
