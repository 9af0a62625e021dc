"""The run of an evaluation on another data folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.tracking.protocol import KIND_TAG, MetricPoint, RunUpdate, text_artifact

SPLIT = "external"


def evaluation_run(sweep: str, key: str, plain: Mapping[str, Any]) -> RunUpdate:
    """The update for an evaluation: the best network under the usual names, all others with theirs in front.

    Args:
        sweep: key of the parent run.
        key: of the evaluation.
        plain: what the ledger says about it; it never changes.
    """
    time_ms, data = round(plain["time"] * 1000), plain["data"]
    metrics = {name: value for row in plain["rows"] for name, value in _metrics(row, plain["best"])}
    return RunUpdate(
        key=key,
        name=f"evaluation on {data['folder'].rstrip('/').rsplit('/', 1)[-1]}",
        parent=sweep,
        status="FINISHED",
        start_ms=time_ms,
        end_ms=time_ms,
        params={
            "data": data["fingerprint"],
            "images": str(data["images"]),
            "patients": str(data["patients"] or "unknown"),
            "classes": json.dumps(data["classes"]),
            "best": plain["best"],
        },
        tags={KIND_TAG: "evaluation", "orchestrator.remarks": " ".join(plain["remarks"])},
        metrics=[MetricPoint(name=name, value=value, step=0, time_ms=time_ms) for name, value in metrics.items()],
        artifacts={"evaluation.json": text_artifact(json.dumps(plain, indent=1))},
    )


def _metrics(row: Mapping[str, Any], best: str) -> Iterator[tuple[str, float]]:
    """`temperature/ece` becomes `temperature/external/ece`, and `uncalibrated/ece` becomes `external/ece`."""
    front = "" if row["key"] == best else f"{row['name']}/"
    for name, value in row["metrics"].items():
        stage, _, metric = name.partition("/")
        if value is not None:
            yield f"{front}{SPLIT}/{metric}" if stage == "uncalibrated" else f"{front}{stage}/{SPLIT}/{metric}", value
