"""Members of one network: dropout that stays on, and snapshots of a cyclic schedule, as tasks of a sweep."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from safetensors.torch import load_file

from orchestrator.audit import audit
from orchestrator.computation import predictions_file
from orchestrator.network import StoredNetwork
from orchestrator.report.tables import results_json
from orchestrator.report.write import write_report
from orchestrator.results import found, network_tasks
from orchestrator.status import sweep_status
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Ended
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from orchestrator.trial import TrialRun, step_name
from tests.orchestrator.sweep import tiny
from tests.orchestrator.test_trial import SPEC, finish, job
from trainables.multilabel import load_predictions
from trainables.posthoc import run
from trainables.predict import one_pass
from trainables.spec import Evaluation, McDropout, Schedule, SmallCNN, Snapshots, TrialSpec

CYCLIC = replace(
    SPEC, schedule=Schedule(epochs=6, batch_size=16, cycles=3, best_metric="val/accuracy", best_mode="max")
)


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """With and without dropout, with one cycle and with two."""
    rate, cycles = trial.suggest_categorical("dropout", [0.0, 0.5]), trial.suggest_categorical("cycles", [1, 2])
    return replace(
        SPEC, model=SmallCNN(widths=(4, 8), dropout=rate), schedule=Schedule(epochs=2, batch_size=16, cycles=cycles)
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("members")


@pytest.fixture(scope="module")
def ended(storage: Path) -> Ended:
    tasks = (Evaluation(), McDropout(samples=4), Snapshots())
    return tiny.start(storage, space=space, searcher="grid", trials=4, scheduler=None, member_seeds=0, posthoc=tasks)


@pytest.fixture(scope="module")
def rows(storage: Path, ended: Ended) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = results_json(Ledger(storage, "tiny"), Store(storage))["rows"]
    return rows


def test_networks_that_a_task_is_not_defined_for_are_left_out_and_nothing_fails(
    storage: Path, ended: Ended, rows: list[dict[str, Any]]
) -> None:
    assert ended.finished
    assert not ended.failed_tasks
    assert len(rows) == 4
    for row in rows:
        has = {task: f"{task}/test/nll" in row["metrics"] for task in ("mc_dropout", "snapshots")}
        assert has == {"mc_dropout": row["params"]["dropout"] > 0, "snapshots": row["params"]["cycles"] > 1}
    ledger = Ledger(storage, "tiny")
    assert sweep_status(ledger)["posthoc"] == {"wanted": 8, "done": 8, "failed": 0}


def test_members_are_stored_with_their_pool_and_its_temperature(storage: Path, rows: list[dict[str, Any]]) -> None:
    store, tasks = Store(storage), network_tasks(Ledger(storage, "tiny").definition())
    whole = next(row for row in rows if row["params"] == {"dropout": 0.5, "cycles": 2})
    members = {"mc_dropout": 4, "snapshots": 2}
    for task, key, _ in found(store, tasks, whole["key"]):
        if task.name not in members:
            continue
        for split in ("val", "calib", "test"):
            assert load_predictions(store.folder(key) / predictions_file(split)).members == members[task.name]
            assert math.isfinite(whole["metrics"][f"{task.name}/temperature/{split}/ece"])
        assert math.isfinite(whole["metrics"][f"{task.name}/temperature/calib/temperature"])
        again, tensors = (
            run(task, [StoredNetwork(store, whole["key"])]),
            load_file(store.folder(key) / "tensors.safetensors"),
        )
        assert all(torch.equal(again.tensors[name], tensor) for name, tensor in tensors.items())


def test_report_and_tracking_tell_of_members_and_of_what_is_left_out(
    storage: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    ledger, store = Ledger(storage, "tiny"), Store(storage)
    text = write_report(store, ledger, tmp_path / "report.html").read_text()
    assert "Left out: MC dropout, because the network has no dropout" in text
    assert "Left out: snapshots, because its schedule has too few cycles" in text
    server = MemoryServer()

    def tracker() -> MemoryTracker:
        return MemoryTracker(sweep_identity(ledger.definition()), server)

    Mirror(tracker, store, ledger).sync()
    names = {point.name for each in server.runs for point in each.points}
    assert {"mc_dropout/test/nll", "mc_dropout/temperature/test/ece", "snapshots/test/nll"} <= names
    assert audit(store, ledger, tracker()).ok


def test_snapshots_are_what_the_weights_at_the_end_of_each_cycle_say(tmp_path: Path) -> None:
    done, killed = job(tmp_path / "calm", CYCLIC), job(tmp_path / "killed", CYCLIC)
    finish(TrialRun(done))
    for _ in range(5):
        TrialRun(killed).step()  # a worker of its own for each epoch
    finish(TrialRun(killed))
    store = Store(tmp_path / "calm")
    network = StoredNetwork(store, done.key)
    classifier, snapshots = network.classifier(), network.snapshots("test")
    assert snapshots.members == 3
    for member, epoch in enumerate((2, 4, 6)):
        weights = store.folder(f"{done.fit_key}/{step_name(epoch)}") / "weights.safetensors"
        classifier.load_state_dict(load_file(weights))
        expected = one_pass(classifier, network.images("test"), split="test")[0]
        torch.testing.assert_close(snapshots.logits[member], expected.logits[0])
    other = StoredNetwork(Store(tmp_path / "killed"), killed.key).snapshots("test")
    assert torch.equal(snapshots.logits, other.logits)
    assert run(Snapshots(last=2), [network]).predictions["test"].members == 2
    with pytest.raises(ValueError, match="takes 4 cycles at least"):
        run(Snapshots(last=4), [network])


def test_a_network_of_one_cycle_has_no_snapshots(tmp_path: Path) -> None:
    done = job(tmp_path, replace(SPEC, schedule=Schedule(epochs=1, batch_size=16)))
    finish(TrialRun(done))
    assert not list(Store(tmp_path).folder(done.key).glob("snapshots*"))
    with pytest.raises(ValueError, match="has no snapshots"):
        run(Snapshots(), [StoredNetwork(Store(tmp_path), done.key)])
