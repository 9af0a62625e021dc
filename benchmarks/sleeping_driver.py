"""A driver in a process of its own: runs sleeping trials and prints as JSON what they cost it.

`python -m benchmarks.sleeping_driver STORAGE TRIALS CONCURRENT EPOCHS SECONDS`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import astuple
from pathlib import Path

import psutil

from benchmarks.sleeping import metered, sweep
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.launch import Launch
from orchestrator.sweep.session import run_with_everything
from search_spaces.overrides import Overrides


def main(storage: str, trials: str, concurrent: str, epochs: str, seconds: str) -> None:
    """Run the sweep to its end, or take it further."""
    launch = Launch(
        sweep=sweep(trials=int(trials), epochs=int(epochs)),
        overrides=Overrides(),
        name="sleeping",
        storage=Path(storage),
        concurrent=int(concurrent),
    )
    meter = metered(float(seconds))
    session = run_with_everything(launch, executor=meter, quiet=True)
    if not meter.reported:
        rows = Ledger(Path(storage), "sleeping").rows()
        reasons = {row.reason for row in rows if row.reason}
        raise SystemExit(f"No trial of {storage} has reported: {'; '.join(sorted(reasons)) or 'none was started'}.")
    began = psutil.Process().create_time()
    offset = time.time() - time.perf_counter()  # the wall's clock as seconds since 1970
    told = {
        "finished": session.ended.finished,
        "failed": len(session.ended.failed_trials),
        "tracking": session.tracking_problem,
        "first_trial": meter.started[0].wall + offset - began,
        "first_report": meter.reported[0].wall + offset - began,
        "started": [astuple(mark) for mark in meter.started],
        "reported": [astuple(mark) for mark in meter.reported],
        "ended": [astuple(mark) for mark in meter.ended],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "total": time.time() - began,
        "computed": time.process_time(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
