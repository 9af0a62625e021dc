"""What extensions have added to a sweep belongs to it from then on: tasks, and wider ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.storage.ledger import Ledger
from search_spaces.overrides import Overrides
from search_spaces.study import Study
from search_spaces.sweep import Sweep
from search_spaces.tasks import with_tasks
from trainables.spec import PosthocSpec, from_plain


def extended(
    sweep: Sweep, overrides: Overrides, request: Mapping[str, Any], ledger: Ledger
) -> tuple[Sweep, Overrides, Mapping[str, Any]]:
    """A start's experiment, fixed values and request, with what earlier starts added to those of the space."""
    before = ledger.definition()["request"] if ledger.exists() else {}
    if tasks := before.get("tasks", []):
        sweep = with_tasks(sweep, [from_plain(PosthocSpec, each, "tasks") for each in tasks])
        now = request.get("tasks", [])
        request = {**request, "tasks": [*tasks, *(each for each in now if each not in tasks)]}
    if ranges := before.get("ranges", {}):
        merged = {**{name: (low, high) for name, (low, high) in ranges.items()}, **overrides.ranges}
        overrides = replace(overrides, ranges=merged)
        request = {**request, "ranges": {name: list(each) for name, each in merged.items()}}
    return sweep, overrides, request


def keep_widened(ledger: Ledger, study: Study) -> None:
    """Write down that earlier draws count as drawn from the wider ranges. A kill in between leaves both kinds, which fit."""
    if study.widened:
        for row in ledger.rows():
            if row.kind == "trial" and row.number in study.widened:
                row.distributions = study.widened[row.number]
                ledger.write_row(row)
