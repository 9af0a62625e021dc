"""The run of an ensemble's maps."""

from __future__ import annotations

import json

from orchestrator.member_maps import FoundMaps
from orchestrator.storage.store import Store
from orchestrator.tracking.pictures import maps_pictures
from orchestrator.tracking.protocol import KIND_TAG, MetricPoint, RunUpdate


def maps_run(store: Store, sweep: str, found: FoundMaps) -> RunUpdate:
    """The update for the maps of an ensemble's networks, whose metrics have no prefix of their own."""
    manifest = found.manifest
    time_ms = round(manifest.committed_at * 1000)
    seconds = {f"seconds/ensemble_maps/{stage}": value for stage, value in manifest.meta["seconds"].items()}
    return RunUpdate(
        key=found.key,
        name=found.name,
        parent=sweep,
        status="FINISHED",
        start_ms=round(manifest.started_at * 1000),
        end_ms=time_ms,
        params={"members": " ".join(found.members), "task": json.dumps(dict(found.task))},
        tags={KIND_TAG: "explanation", "orchestrator.remarks": " ".join(manifest.meta["remarks"]) or "none"},
        metrics=[
            MetricPoint(name=name, value=value, step=0, time_ms=time_ms)
            for name, value in {**manifest.meta["metrics"], **seconds}.items()
            if value is not None
        ],
        artifacts=maps_pictures(store, found.members[0], found.key, found.name),
    )
