"""Deleting a sweep, and only what it alone uses."""

from __future__ import annotations

from typing import get_args

from orchestrator.results import baselines_of, network_tasks
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger, ledgers
from orchestrator.storage.store import MissingArtifact, Store
from orchestrator.tracking.mlflow import open_tracker
from trainables.spec import PosthocSpec, posthoc_key


class Deletion:
    """What goes when a sweep goes.

    Args:
        storage: the storage folder.
        ledger: of the sweep.

    Attributes:
        keys: artifacts that no other sweep of the storage uses.
    """

    def __init__(self, storage: Storage, ledger: Ledger) -> None:
        self._store = Store(storage)
        self._storage = storage
        self._ledger = ledger
        kept: set[str] = set()
        for other in ledgers(storage):
            if other.name != ledger.name:
                kept |= used_keys(self._store, other)
        gone = used_keys(self._store, ledger) - kept
        gone |= results_on(self._store, gone) - kept
        self.keys = sorted(key for key in gone if self._store.size(key))

    def bytes(self) -> int:
        """Size of the artifacts on disk."""
        return sum(self._store.size(key) for key in self.keys)

    def run(self) -> int:
        """Delete everything and return the number of MLflow runs that went. The runs go first: they may refuse."""
        runs = open_tracker(self._storage, self._ledger.name).delete()
        for key in self.keys:
            self._store.delete(key)
        self._ledger.delete()
        return runs


def results_on(store: Store, networks: set[str]) -> set[str]:
    """Post-hoc results that stand on one of the networks, by any task: a sweep's tasks may have been others once."""
    kinds = [option.kind for option in get_args(PosthocSpec)]
    return {
        key
        for kind in kinds
        for key in store.keys(kind)
        if not networks.isdisjoint(store.manifest(key).meta.get("members", ()))
    }


def used_keys(store: Store, ledger: Ledger) -> set[str]:
    """Every artifact that a sweep knows: data with their images, chains, networks, results, ensembles, external images."""
    tasks = network_tasks(ledger.definition())
    keys: set[str] = set(ledger.ensembles())
    baselines = baselines_of(ledger.definition())
    for row in ledger.rows():
        keys |= {posthoc_key(task, [row.data_key]) for task in baselines}
        keys |= {*row.trained, row.network, *row.chains, row.data_key, *images_of(store, row.data_key)}
        keys |= {posthoc_key(task, [row.network]) for task in tasks}
    for evaluation in ledger.evaluations().values():
        keys |= set(evaluation["artifacts"])
    keys |= set(ledger.explanations())
    return keys


def images_of(store: Store, data_key: str) -> set[str]:
    """The decoded images that a data set refers to, if they are an artifact of their own."""
    try:
        images = store.manifest(data_key).meta.get("images")
    except MissingArtifact:
        return set()
    return {images} if images else set()
