"""The run of an ensemble."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.storage.store import Manifest, Store
from orchestrator.tracking.pictures import ensemble_pictures
from orchestrator.tracking.protocol import KIND_TAG, MetricPoint, RunStatus, RunUpdate


def ensemble_run(
    store: Store, sweep: str, key: str, plain: Mapping[str, Any], manifest: Manifest | None, failed: bool
) -> RunUpdate:
    """The update for an ensemble.

    Args:
        store: where its result lies.
        sweep: key of the parent run.
        key: of the ensemble.
        plain: what the ledger says about it.
        manifest: of its result, None as long as there is none.
        failed: whether the task failed.
    """
    time_ms = round(manifest.committed_at * 1000) if manifest else 0
    metrics = {**manifest.meta["metrics"], **_seconds(manifest)} if manifest else {}
    status: RunStatus = "FINISHED" if manifest else "FAILED" if failed else "RUNNING"
    return RunUpdate(
        key=key,
        name=plain["name"],
        parent=sweep,
        status=status,
        start_ms=round(manifest.started_at * 1000) if manifest else 0,
        end_ms=time_ms,
        params={_role(plain): " ".join(plain["members"]), "task": json.dumps(plain["task"])},
        tags={
            KIND_TAG: "ensemble",
            "orchestrator.superseded": "yes" if plain.get("superseded") else "no",
            **_selected(manifest),
            "orchestrator.remarks": " ".join(manifest.meta["remarks"]) if manifest else "none yet",
        },
        metrics=[
            MetricPoint(name=name, value=value, step=0, time_ms=time_ms)
            for name, value in metrics.items()
            if value is not None
        ],
        artifacts=ensemble_pictures(store, key) if manifest else {},
    )


def _role(plain: Mapping[str, Any]) -> str:
    return "candidates" if plain["task"].get("members") in ("greedy", "diverse") else "members"


def _selected(manifest: Manifest | None) -> dict[str, str]:
    """The members that a selection chose, and how often each; a tag, because it is known only when the task has run."""
    chosen = manifest.meta.get("details", {}).get("chosen", {}) if manifest else {}
    return {"orchestrator.chosen": " ".join(f"{key} x{count}" for key, count in chosen.items())} if chosen else {}


def _seconds(manifest: Manifest) -> dict[str, float]:
    return {f"seconds/ensemble/{stage}": value for stage, value in manifest.meta["seconds"].items()}
