"""Artifacts that no sweep of a storage names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.deletion import results_on, used_keys
from orchestrator.storage.ledger import ledgers
from orchestrator.storage.store import MissingArtifact, Store

KEY = re.compile(r"[a-z_]+-[0-9a-f]{16}")


def unnamed_keys(store: Store) -> list[str]:
    """Keys of artifacts that no sweep knows, that nothing known was made from, and that do not stand on a known network."""
    found = set(store.all_keys())
    named: set[str] = set()
    for ledger in ledgers(store.root):
        named |= used_keys(store, ledger)
    fresh = set(named)
    while fresh:
        inputs = {key for each in fresh for key in _inputs(store, each)}
        fresh = ((inputs | results_on(store, named | inputs)) & found) - named
        named |= fresh
    return sorted(found - named)


def _inputs(store: Store, key: str) -> Iterator[str]:
    """Keys that an artifact's manifest mentions: of what it was made from."""
    try:
        yield from _keys_in(store.manifest(key).meta)
    except MissingArtifact:
        return


def _keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from KEY.findall(value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _keys_in(each)
    elif hasattr(value, "items"):
        for name, each in value.items():
            yield from _keys_in(name)
            yield from _keys_in(each)
