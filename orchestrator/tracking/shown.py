"""What people see of a sweep in a tracker without setting anything up: its data as inputs, its columns in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.results import objectives_of
from orchestrator.storage.ledger import Row
from orchestrator.tracking.protocol import TrackedData, View

DIGEST_CHARACTERS = 36
MOST_PARAMS = 8
USUAL = ("test/accuracy", "test/auroc", "test/nll", "test/ece", "temperature/test/ece")


def tracked_data(key: str, about: Mapping[str, Any]) -> TrackedData:
    """A prepared data set as an input of runs.

    Args:
        key: of the data.
        about: classes and counts by split, as its table has them.
    """
    counts = about.get("counts", {}).get("splits", {})
    return TrackedData(
        name=key.split("-")[0],
        digest=key.split("-", 1)[-1][:DIGEST_CHARACTERS],
        source=key,
        schema=json.dumps({"classes": list(about.get("classes", ()))}),
        profile=json.dumps({split: sum(by_class.values()) for split, by_class in counts.items()}),
    )


def view_of(definition: Mapping[str, Any], rows: Sequence[Row]) -> View:
    """Objectives first, then what is judged on test, explanations where there are some, and what was drawn."""
    objectives = objectives_of(definition)
    first = objectives[0]
    explained = [
        f"aopc/{task.get('split', 'test')}/aopc_gain"
        for task in definition["posthoc"]
        if task["kind"] == "aopc" and set(task) <= {"kind", "split", "images", "cells", "seed", "noise"}
    ]
    trials = [row.params for row in rows if row.kind == "trial"]
    drawn = dict.fromkeys(name for params in trials for name in params)
    always = [name for name in drawn if all(name in params for params in trials)]
    return View(
        metrics=list(dict.fromkeys([*(each.metric for each in objectives), *USUAL, *explained])),
        params=list(drawn)[:MOST_PARAMS],
        order_by=first.metric,
        ascending=first.mode == "min",
        compared_params=always[:MOST_PARAMS],
        compared_metrics=[f"best/{each.metric}" for each in objectives],
    )
