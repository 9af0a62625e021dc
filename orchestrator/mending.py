"""Artifacts whose files have changed or gone since they were committed: found, taken back, computed anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.deletion import used_keys
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import MissingArtifact, Store


def damaged_keys(store: Store, ledger: Ledger) -> Iterator[str]:
    """Keys of a sweep's artifacts, and of the epochs of its chains, with a file of another content than was committed.

    Reads every byte, so it takes as long as the disk needs for that. Missing files are damage to the network of a completed
    trial alone: any other artifact without one is not there, and computed when it is wanted.
    """
    lost = {row.key for row in ledger.rows() if row.state == "completed" and not store.exists(row.key)}
    chains = [chain for row in ledger.rows() for chain in row.chains]
    steps = [step for chain in dict.fromkeys(chains) for step in store.steps(chain)]
    for key in [*sorted(used_keys(store, ledger) - set(chains)), *steps]:
        try:
            if key in lost or store.damaged(key):
                yield key
        except MissingArtifact:
            continue


def take_back(store: Store, ledger: Ledger, keys: Collection[str]) -> None:
    """Remove damaged artifacts, so that the sweep's next start computes them anew; the sweep's lock must be held.

    A network is made again from its chain of epochs. An epoch is computed again with all of its chain where the network
    needs it, because what earlier ones had to go on with was thinned out.
    """
    for row in ledger.rows():
        lost = [key for key in row.trained if key in keys]
        broken = [chain for chain in row.chains if any(key.startswith(f"{chain}/") for key in keys)]
        needed = [chain for chain in broken if lost or row.state == "running" or not store.exists(row.key)]
        for chain in needed:
            store.delete(chain)
        if row.state in ("completed", "running") and (lost or needed):
            _reopen(ledger, row, anew=row.fit_key in needed)
    for key in keys:
        if "/" not in key:
            store.delete(key)


def _reopen(ledger: Ledger, row: Row, *, anew: bool) -> None:
    row.state, row.ended = "running", 0.0
    if anew:
        row.reports = []
    ledger.write_row(row)
