"""The run of an explained image. It is called by what the image holds, because names of files may be names of patients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.storage.store import Store
from orchestrator.tracking.pictures import explanation_pictures
from orchestrator.tracking.protocol import KIND_TAG, MetricPoint, RunUpdate, text_artifact

SPLIT = "explained"
LETTERS = 12


def explanation_run(store: Store, sweep: str, key: str, plain: Mapping[str, Any]) -> RunUpdate:
    """The update for an explanation.

    Args:
        store: with the maps, from which the pictures are drawn when they are sent.
        sweep: key of the parent run.
        key: of the explanation.
        plain: what the ledger says about it; it never changes.
    """
    time_ms = round(plain["time"] * 1000)
    return RunUpdate(
        key=key,
        name=f"{plain['method']} of {plain['explained_class']} in image {plain['content'][:LETTERS]}",
        parent=sweep,
        status="FINISHED",
        start_ms=time_ms,
        end_ms=time_ms,
        params={
            "image": plain["content"],
            "network": plain["network"],
            "network_name": plain["name"],
            "method": plain["method"],
            "explained_class": plain["explained_class"],
            "predicted": plain["predicted"],
            "members": json.dumps([member["key"] for member in plain["members"]]),
        },
        tags={KIND_TAG: "explanation"},
        metrics=[MetricPoint(name=name, value=value, step=0, time_ms=time_ms) for name, value in _metrics(plain)],
        artifacts={
            "explanation.json": text_artifact(json.dumps(plain, indent=1)),
            **explanation_pictures(store, key, plain),
        },
    )


def _metrics(plain: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in plain["uncalibrated"].items():
        yield f"{SPLIT}/probability/{name}", value
    for name, value in plain["calibrated"].items():
        yield f"temperature/{SPLIT}/probability/{name}", value
    yield f"temperature/{SPLIT}/entropy", plain["entropy"]
    for name in ("mutual_information", "disagreement", "map_correlation"):
        if plain[name] is not None:
            yield f"{SPLIT}/{name}", plain[name]
