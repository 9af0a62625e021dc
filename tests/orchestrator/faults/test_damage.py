"""Files that have changed on the disk, or gone from it: found, reported, computed anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.audit import audit
from orchestrator.mending import take_back
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.sweep.tiny import outcome, start


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["network", "temperature", "chain", "network and chain", "ensemble"])
def test_a_file_that_has_changed_is_found_and_its_artifact_computed_anew(tmp_path: Path, kind: str) -> None:
    start(tmp_path, scheduler=None)
    before = outcome(tmp_path)
    store, ledger = Store(tmp_path), Ledger(tmp_path, "tiny")
    row = ledger.rows()[0]
    planted = {
        "network": [row.key],
        "temperature": store.keys("temperature")[:1],
        "chain": store.steps(row.fit_key)[-1:],
        "network and chain": [row.key, store.steps(row.fit_key)[-1]],
        "ensemble": list(ledger.ensembles())[:1],
    }[kind]
    for key in planted:
        folder = store.folder(key)
        flip_a_bit(next(path for path in sorted(folder.iterdir()) if path.suffix == ".safetensors"))
    assert audit(store, ledger, None).ok
    found = audit(store, ledger, None, contents=True)
    assert not found.ok
    assert sorted(found.damaged) == sorted(planted)
    take_back(store, ledger, found.damaged)
    assert start(tmp_path, scheduler=None).finished
    assert outcome(tmp_path) == before
    assert kind == "chain" or audit(store, ledger, None, contents=True).ok


@pytest.mark.parametrize("everything", [False, True])
def test_a_network_whose_files_are_gone_is_reported_and_made_anew(tmp_path: Path, everything: bool) -> None:
    start(tmp_path, scheduler=None)
    before = outcome(tmp_path)
    store, ledger = Store(tmp_path), Ledger(tmp_path, "tiny")
    row = ledger.rows()[0]
    if everything:
        store.delete(row.key)
    else:
        store.file(row.key, "weights.safetensors").unlink()
    assert audit(store, ledger, None).missing_results == (row.key,)
    found = audit(store, ledger, None, contents=True)
    assert found.damaged == (row.key,)
    take_back(store, ledger, found.damaged)
    assert start(tmp_path, scheduler=None).finished
    assert outcome(tmp_path) == before
    assert audit(store, ledger, None, contents=True).ok
