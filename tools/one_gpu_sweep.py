"""Run a real Ray sweep on one GPU with measured shares, and print what was measured: `python tools/one_gpu_sweep.py`.

`--pretend 4` runs the same without a GPU: Ray lends one that is not there, and a quarter of it is planted as the measurement.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.executors.ray import RayExecutor
from orchestrator.probe import Cost
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.launch import Launch
from orchestrator.sweep.measured import Measure, Measurements, with_measured
from orchestrator.sweep.request import build_launch
from orchestrator.sweep.session import run_with_everything
from trainables.spec import TrialSpec

SMALL = ("data/images=192", "data/size=32", "schedule/epochs=2", "schedule/batch_size=16", "scheduler=none")
LARGE = ("data/size=224", "schedule/epochs=4", "scheduler=none")


def main() -> None:
    """Run the sweep and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="demo")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--pretend", type=int, default=0, metavar="N", help="no GPU: plant that 1/N of one is enough")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="one-gpu-") as folder:
        settings = (*(SMALL if asked.pretend else LARGE), "resources/gpus=auto", "member_seeds=0")
        launch = build_launch(asked.space, storage=Path(folder), trials=asked.trials, settings=settings)
        began = time.perf_counter()
        measurements = Measurements(launch, _planted(asked.pretend)) if asked.pretend else Measurements(launch)
        share = with_measured(launch, measurements).sweep.resources.gpus
        measured = time.perf_counter() - began
        if not share:
            raise SystemExit("This machine has no GPU that torch can use. --pretend 4 shows the rest without one.")
        with _used_memory(watch=not asked.pretend) as peak:
            began = time.perf_counter()
            session = run_with_everything(launch, quiet=True, executor=RayExecutor(gpus=1 if asked.pretend else None))
            took = time.perf_counter() - began
        rows = Ledger(launch.storage, launch.name).rows()
        found = {
            "pretended": bool(asked.pretend),
            "share": share,
            "seconds_of_the_measurement": round(measured, 1),
            "seconds_of_the_sweep": round(took, 1),
            "trials": {state: sum(row.state == state for row in rows) for state in ("completed", "failed")},
            "most_at_once": _most_at_once([(row.started, row.ended) for row in rows]),
            "peak_gpu_bytes": peak[0],
            "micro_batches": max((report.micro_batches for row in rows for report in row.reports), default=1),
            "finished": session.ended.finished,
        }
    print(json.dumps(found, indent=1))


def _planted(parts: int) -> Measure:
    def measure(launch: Launch, spec: TrialSpec) -> Cost:
        size = {"memory_bytes": 10**9, "gpu_bytes": int(1.2 * parts * 10**9) + 1, "weights_bytes": 1, "state_bytes": 1}
        return Cost(train_seconds=1.0, evaluate_seconds=1.0, **size)

    return measure


@contextmanager
def _used_memory(*, watch: bool) -> Iterator[list[int]]:
    """The most that was taken of the GPU by all processes, looked at every half second."""
    peak, over = [0], threading.Event()

    def look() -> None:
        import torch

        while not over.wait(0.5):
            free, total = torch.cuda.mem_get_info()
            peak[0] = max(peak[0], total - free)

    thread = threading.Thread(target=look, daemon=True)
    if watch:
        thread.start()
    yield peak
    over.set()
    if watch:
        thread.join()


def _most_at_once(spans: list[tuple[float, float]]) -> int:
    return max(sum(began <= at < ended for began, ended in spans) for at, _ in spans)


if __name__ == "__main__":
    main()
