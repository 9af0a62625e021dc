from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.audit import audit
from orchestrator.errors import TrackingError
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from orchestrator.tracking.protocol import KIND_TAG, Artifact, ModelRecord, RunUpdate
from tests.orchestrator.tracking.small_sweep import SmallSweep
from trainables.spec import Evaluation, Temperature, posthoc_key

FINDINGS = (
    "doubled_runs",
    "orphaned_runs",
    "orphaned_models",
    "missing_runs",
    "missing_results",
    "orphaned_results",
    "repeated_epochs",
    "trained_twice",
    "damaged",
)


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallSweep:
    monkeypatch.setattr(
        "orchestrator.tracking.pictures._picture", lambda identity, draw: Artifact(identity=identity, content=bytes)
    )
    sweep = SmallSweep(tmp_path)
    sweep.complete()
    return sweep


@pytest.fixture
def server(sweep: SmallSweep) -> MemoryServer:
    server = MemoryServer()
    mirror_to(server, sweep).sync()
    return server


def mirror_to(server: MemoryServer, sweep: SmallSweep) -> Mirror:
    tracker = MemoryTracker(sweep_identity(sweep.ledger.definition()), server)
    return Mirror(lambda: tracker, sweep.store, sweep.ledger)


def findings(sweep: SmallSweep, server: MemoryServer) -> dict[str, list[str]]:
    tracker = MemoryTracker(sweep_identity(sweep.ledger.definition()), server)
    plain = audit(sweep.store, sweep.ledger, tracker).to_json()
    assert plain["ok"] == (not any(plain[name] for name in FINDINGS))
    return {name: plain[name] for name in FINDINGS if plain[name]}


def test_a_finished_sweep_is_clean(sweep: SmallSweep, server: MemoryServer) -> None:
    tracker = MemoryTracker(sweep_identity(sweep.ledger.definition()), server)
    plain = audit(sweep.store, sweep.ledger, tracker).to_json()
    assert plain == {"ok": True, **{name: [] for name in FINDINGS}, "tracking_pending": ""}


def test_two_runs_with_one_key_are_doubled(sweep: SmallSweep, server: MemoryServer) -> None:
    row = sweep.ledger.rows()[0]
    run = next(run for run in server.runs if run.key == row.key)
    server.runs.append(replace(run, run_id="doubled"))
    assert findings(sweep, server) == {"doubled_runs": [row.key]}


def test_a_run_of_an_unknown_key_is_orphaned_but_an_evaluation_is_not(sweep: SmallSweep, server: MemoryServer) -> None:
    tracker = MemoryTracker(sweep_identity(sweep.ledger.definition()), server)
    tracker.apply(RunUpdate(key="external-1", name="other hospital", parent="demo", tags={KIND_TAG: "evaluation"}))
    assert findings(sweep, server) == {}
    orphan = tracker.apply(RunUpdate(key="network-unknown", name="trial-0099", parent="demo"))
    assert findings(sweep, server) == {"orphaned_runs": [orphan]}


def test_a_registered_version_whose_run_is_gone_is_orphaned(sweep: SmallSweep, server: MemoryServer) -> None:
    run = next(run for run in server.runs if run.name == "trial-0001")
    record = ModelRecord(name="demo", version="1", key=run.key, run_id=run.run_id, aliases=("best",))
    server.models[run.sweep] = [record, replace(record, version="2", run_id="gone")]
    assert findings(sweep, server) == {"orphaned_models": ["demo/2"]}
    tracker = MemoryTracker(run.sweep, server)
    assert tracker.models()[0].aliases == ("best",)
    tracker.delete()
    assert tracker.models() == []


def test_a_row_without_a_run_is_missing(sweep: SmallSweep, server: MemoryServer) -> None:
    run = next(run for run in server.runs if run.name == "trial-0001")
    run.deleted = True
    assert findings(sweep, server) == {"missing_runs": [run.key]}
    mirror_to(server, sweep).sync()
    assert findings(sweep, server) == {}, "the next start sends it"


def test_results_that_a_finished_sweep_wants_are_missing(sweep: SmallSweep, server: MemoryServer) -> None:
    first, second = sweep.ledger.rows()
    absent, failed = posthoc_key(Temperature(), [first.key]), posthoc_key(Evaluation(), [second.key])
    sweep.store.delete(absent)
    sweep.store.delete(failed)
    sweep.ledger.write_failure(failed, {"task": {}, "members": [second.key], "error": "no memory"})
    assert findings(sweep, server) == {"missing_results": [absent]}
    sweep.ledger.write_outcome("interrupted")
    assert findings(sweep, server) == {}


def test_a_lost_network_and_a_lost_ensemble_are_missing(sweep: SmallSweep, server: MemoryServer) -> None:
    network, ensemble = sweep.ledger.rows()[0].key, next(iter(sweep.ledger.ensembles()))
    sweep.store.delete(network)
    sweep.store.delete(ensemble)
    assert findings(sweep, server) == {"missing_results": [network, ensemble]}


def test_a_result_of_a_network_that_no_sweep_has_is_orphaned(sweep: SmallSweep, server: MemoryServer) -> None:
    row = sweep.ledger.rows()[0]
    key = sweep.compute(replace(row, key="network-gone"), Evaluation())
    assert findings(sweep, server) == {"orphaned_results": [key]}


def test_networks_of_another_sweep_and_superseded_ensembles_are_no_orphans(
    sweep: SmallSweep, server: MemoryServer
) -> None:
    other = SmallSweep(sweep.store.root, "other")
    other.define(name="other")
    row = other.end(other.train(other.draw(7), 3))
    other.compute(row, Evaluation())
    first, second = sweep.ledger.rows()
    key = sweep.pool(second, first, record=False)
    sweep.ledger.write_ensemble(key, {**sweep.ledger.ensembles()[key], "superseded": True})
    assert findings(sweep, server) == {}


def test_an_epoch_begun_after_its_commit_is_repeated(sweep: SmallSweep, server: MemoryServer) -> None:
    step = sweep.store.steps(sweep.ledger.rows()[0].fit_key)[1]
    time.sleep(0.01)
    assert not sweep.store.begin(step).commit({})
    assert findings(sweep, server) == {"repeated_epochs": [step]}


def test_a_worker_that_was_overtaken_repeats_nothing(sweep: SmallSweep, server: MemoryServer) -> None:
    fit_key = sweep.ledger.rows()[0].fit_key
    overtaken, faster = (sweep.store.begin(f"{fit_key}/epoch-0004") for _ in range(2))
    assert faster.commit({})
    assert not overtaken.commit({})
    assert findings(sweep, server) == {}


def test_a_network_written_after_its_commit_is_trained_twice(sweep: SmallSweep, server: MemoryServer) -> None:
    key = sweep.ledger.rows()[0].key
    time.sleep(0.01)
    sweep.store.begin(key)
    assert findings(sweep, server) == {"trained_twice": [key]}


def test_without_a_tracker_the_runs_stay_unchecked(sweep: SmallSweep) -> None:
    assert audit(sweep.store, sweep.ledger, None).ok


def test_a_server_that_is_away_is_an_error(sweep: SmallSweep, server: MemoryServer) -> None:
    server.unreachable = True
    with pytest.raises(TrackingError):
        findings(sweep, server)
