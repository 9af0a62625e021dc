"""Which maps of members a sweep has: of its ensembles, and of what a network's posterior or dropout draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results import objectives_of, tasks_of
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Manifest, MissingArtifact, Store
from orchestrator.sweep.wanted import maps_jobs
from trainables.spec import EnsembleMaps, PosthocSpec, from_plain


@dataclass(frozen=True, kw_only=True)
class FoundMaps:
    """Maps of an ensemble's networks that are in the store.

    Attributes:
        name: of the task.
        key: of the result.
        task: its settings as JSON values.
        members: keys of the networks.
        manifest: of the result.
    """

    name: str
    key: str
    task: Mapping[str, Any]
    members: tuple[str, ...]
    manifest: Manifest


def ensemble_maps(store: Store, definition: Mapping[str, Any], rows: Sequence[Row]) -> list[FoundMaps]:
    """Of the ensembles that can be formed now; those of an earlier best configuration stay in the store, unnamed."""
    tasks = [task for task in tasks_of(definition) if isinstance(task, EnsembleMaps)]
    found = []
    for job in maps_jobs(tasks, rows, objectives_of(definition)[0]) if tasks else ():
        try:
            manifest = store.manifest(job.key)
        except MissingArtifact:
            continue
        task: PosthocSpec = from_plain(PosthocSpec, job.task)
        found.append(FoundMaps(name=task.name, key=job.key, task=job.task, members=job.members, manifest=manifest))
    return found


def wanted_maps(ledger: Ledger, rows: Sequence[Row]) -> set[str]:
    """Keys of the maps that a sweep wants of its ensembles, there or not."""
    definition = ledger.definition()
    tasks = [task for task in tasks_of(definition) if isinstance(task, EnsembleMaps)]
    return {job.key for job in maps_jobs(tasks, rows, objectives_of(definition)[0])} if tasks else set()
