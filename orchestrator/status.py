"""How far a sweep is, from its ledger and the store. Imports nothing heavy: it answers in a moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.counts import generations_of, interval_of, trial_counts
from orchestrator.member_maps import wanted_maps
from orchestrator.results import baselines_of, network_tasks, tasks_of, wanted_tasks
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from trainables.spec import posthoc_key


def sweep_status(ledger: Ledger) -> dict[str, Any]:
    """The JSON of `orchestrator status` for one sweep."""
    definition = ledger.definition()
    rows = ledger.rows()
    trials = [row.state for row in rows if row.kind == "trial"]
    state = ledger.state()
    interval, wanted = interval_of(definition), definition["trials"]
    generations = generations_of(rows, interval=interval, wanted=wanted)
    counts = trial_counts(trials, wanted=wanted, population=interval > 0)
    if state != "running":
        counts["running"] = 0  # nobody runs them now
    return {
        "name": ledger.name,
        "space": definition["space"],
        "state": state,
        "trials": {"wanted": wanted, **counts},
        **({"population": asdict(generations)} if generations else {}),
        "posthoc": _posthoc(definition, ledger, rows, Store(ledger.storage)),
        "storage": str(ledger.storage),
        "updated": ledger.updated(),
    }


def _posthoc(definition: dict[str, Any], ledger: Ledger, rows: list[Row], store: Store) -> dict[str, int]:
    complete = {row.key: row for row in rows if row.state == "completed"}
    data = {row.data_key for row in rows if row.state == "completed"}
    tasks = network_tasks(definition)
    wanted = {posthoc_key(task, [key]) for key, row in complete.items() for task in wanted_tasks(tasks, row)}
    wanted |= {posthoc_key(task, [key]) for task in baselines_of(definition) for key in data}
    wanted |= wanted_maps(ledger, rows)
    current = {key for key, plain in ledger.ensembles().items() if not plain["superseded"]}
    # an ensemble that is not formed yet is still wanted; one that a finished sweep lacks has too few members
    to_come = sum(task.kind == "ensemble" for task in tasks_of(definition)) - len(current)
    if ledger.outcome().get("state") == "finished":
        to_come = 0
    return {
        "wanted": len(wanted) + len(current) + (max(0, to_come) if len(complete) > 1 else 0),
        "done": len(store.present(wanted | current)),
        "failed": len(ledger.failures()),
    }
