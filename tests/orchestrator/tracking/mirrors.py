"""A mirror onto a server in memory, and what a user would see there."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from tests.orchestrator.tracking.small_sweep import SmallSweep

PNG = b"\x89PNG"


def mirror_to(server: MemoryServer, sweep: SmallSweep) -> Mirror:
    def open_memory() -> MemoryTracker:
        return MemoryTracker(sweep_identity(sweep.ledger.definition()), server)

    return Mirror(open_memory, sweep.store, sweep.ledger)


def state_of(server: MemoryServer) -> list[dict[str, Any]]:
    """All that a user sees, without ids and without the bytes of pictures."""
    names = {run.run_id: run.name for run in server.runs}
    return sorted(
        (
            {
                "key": run.key,
                "name": run.name,
                "parent": names.get(run.parent_id or ""),
                "status": run.status,
                "params": run.params,
                "tags": run.tags,
                "points": sorted((each.name, each.step, each.time_ms, each.value) for each in run.points),
                "artifacts": sorted(run.artifacts),
            }
            for run in server.runs
            if not run.deleted
        ),
        key=lambda plain: str(plain["key"]),
    )


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
