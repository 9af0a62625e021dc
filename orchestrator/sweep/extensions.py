"""What extensions have added to a sweep belongs to it from then on: tasks, and wider ranges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from orchestrator.errors import MachineError
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


class AsItWas(AbstractContextManager[None]):
    """Takes back what a start has changed of an existing sweep if it finds no machine that it can run on.

    Else an extension that asks for more than there is would stand half made: with its trials, and no way back to fewer.

    Args:
        ledger: of the sweep, whose lock is held.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._definition = ledger.definition() if ledger.exists() else None
        self._distributions = {row.name: row.distributions for row in ledger.rows()}
        self._outcome = ledger.noted("outcome.json")

    def runs(self) -> None:
        """There is a machine: what has changed stays."""
        self._definition = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._definition is None or not isinstance(error, MachineError):
            return
        self._ledger.write_definition(self._definition)
        for row in self._ledger.rows():
            if row.distributions != self._distributions.get(row.name, row.distributions):
                row.distributions = self._distributions[row.name]
                self._ledger.write_row(row)
        if self._outcome and json.loads(self._outcome).get("state") == "finished":
            self._ledger.note("outcome.json", self._outcome)
