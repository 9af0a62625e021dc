"""Ensembles that choose their members by predictions, and ensembles of other tasks' results, in a whole sweep."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator import computation
from orchestrator.audit import audit
from orchestrator.external.chosen import ensembles, left_out_ensembles, named
from orchestrator.external.predict import load_predictor
from orchestrator.report.tables import results_json
from orchestrator.results import result_rows
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.sweep.tiny import SWEEP, start
from trainables.multilabel import load_predictions
from trainables.spec import Ensemble, Evaluation, McDropout, Temperature, posthoc_key

GREEDY, OF = (
    Ensemble(members="greedy", size=4, sizes=(1, 2), draws=3),
    Ensemble(members="top", size=3, of="temperature"),
)
SAMPLES = McDropout(samples=4)
OF_SAMPLES = Ensemble(members="top", size=3, of="mc_dropout")
TASKS = {
    "posthoc": (Evaluation(), Temperature(), SAMPLES, GREEDY, OF, OF_SAMPLES),
    "scheduler": None,
    "trials": 3,
    "member_seeds": 0,
}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pooled")
    ended = start(folder, **TASKS)
    assert ended.finished
    assert not ended.failed_tasks
    return folder


def row_of(storage: Path, task: Ensemble):  # type: ignore[no-untyped-def]
    rows = result_rows(Store(storage), Ledger(storage, "tiny"))
    return next(row for row in rows if row.name == task.name)


def test_an_ensemble_of_a_task_waits_for_it_and_pools_its_predictions(storage: Path) -> None:
    store, row = Store(storage), row_of(storage, OF)
    assert row.state == "completed"
    inputs = store.manifest(row.key).meta["inputs"]
    assert inputs == [posthoc_key(Temperature(), [member]) for member in row.members]
    rows = [load_predictions(store.folder(key) / "predictions-test.safetensors").pooled_log_probs() for key in inputs]
    pooled = load_predictions(store.folder(row.key) / "predictions-test.safetensors")
    torch.testing.assert_close(pooled.pooled_log_probs(), (sum(each.exp() for each in rows) / 3).log())


def test_samples_of_several_networks_are_one_ensemble_in_which_each_network_weighs_the_same(storage: Path) -> None:
    store, row = Store(storage), row_of(storage, OF_SAMPLES)
    samples = [
        load_predictions(store.folder(posthoc_key(SAMPLES, [member])) / "predictions-test.safetensors")
        for member in row.members
    ]
    assert [each.members for each in samples] == [4, 4, 4]
    wanted = torch.stack([each.log_probs().exp().mean(0) for each in samples]).mean(0)
    pooled = load_predictions(store.folder(row.key) / "predictions-test.safetensors")
    torch.testing.assert_close(pooled.pooled_log_probs(), wanted.log())


def test_calibrated_members_pooled_are_the_ensemble_of_the_task_temperature(storage: Path) -> None:
    store = Store(storage)
    members = row_of(storage, OF).members
    task = Ensemble(members="top", size=3)
    key = posthoc_key(task, members)
    computation.compute(store, task, key, members)
    metrics = store.manifest(key).meta["metrics"]
    for name in ("accuracy", "nll", "ece"):
        expected = row_of(storage, OF).metrics[f"test/{name}"]
        assert metrics[f"calibrated_members/test/{name}"] == pytest.approx(expected)


def test_the_chosen_members_and_their_weights_are_told(storage: Path) -> None:
    ledger, store, row = Ledger(storage, "tiny"), Store(storage), row_of(storage, GREEDY)
    chosen = store.manifest(row.key).meta["details"]["chosen"]
    assert row.members == tuple(chosen)
    plain = next(each for each in results_json(ledger, store)["rows"] if each["name"] == GREEDY.name)
    assert plain["weights"] == chosen
    assert len(ledger.ensembles()[row.key]["members"]) == 3  # the candidates
    assert row.metrics["size_1/test/ece_5_bins"] is not None
    best = store.manifest(row.key).meta["details"]["best_member"]
    assert best in ledger.ensembles()[row.key]["members"]


def test_other_images_are_answered_with_the_weights_and_not_by_an_ensemble_of_results(storage: Path) -> None:
    ledger, store, row = Ledger(storage, "tiny"), Store(storage), row_of(storage, GREEDY)
    (greedy,) = ensembles(store, ledger)
    assert {key: greedy.members.count(key) for key in greedy.members} == row.weights
    assert left_out_ensembles(store, ledger) == [
        f"{each.name} pools the results of a task and is left out." for each in (OF_SAMPLES, OF)
    ]
    with pytest.raises(ValueError, match="sweep's own images"):
        named(store, ledger, OF.name)


def test_a_member_that_was_picked_twice_predicts_once_and_weighs_twice(storage: Path, tmp_path: Path) -> None:
    (greedy,) = ensembles(Store(storage), Ledger(storage, "tiny"))
    first, second = sorted(row_of(storage, OF).members)[:2]
    twice = load_predictor(Store(storage), replace(greedy, members=(first, second, first)))
    assert twice.weights == (2, 1)
    (a, b), names = twice.members, ["one.png", "two.png"]
    spelt_out = replace(twice, members=(a, a, b), weights=(1, 1, 1))
    for n, name in enumerate(names):
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (32, 32)).astype(np.uint8)).save(tmp_path / name)
    ours, theirs = twice.answer(tmp_path, names)[1], spelt_out.answer(tmp_path, names)[1]
    assert ours is not None
    assert theirs is not None
    torch.testing.assert_close(ours.log_probs, theirs.log_probs)
    torch.testing.assert_close(ours.disagreement, theirs.disagreement)


def test_such_a_sweep_has_nothing_missing(storage: Path) -> None:
    assert audit(Store(storage), Ledger(storage, "tiny"), None).ok
    assert start(storage, **TASKS).finished


def test_an_ensemble_whose_input_failed_is_told_as_failed(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, store, row = Ledger(storage, "tiny"), Store(storage), row_of(storage, OF)
    lost = store.manifest(row.key).meta["inputs"][1]
    store.delete(row.key)
    store.delete(lost)
    with monkeypatch.context() as patched:

        def refuse(*_: object) -> None:
            raise ValueError("no")

        patched.setattr("trainables.posthoc.temperature.run", refuse)
        ended = start(storage, **TASKS, posthoc_only=True)
    assert ended.failed_tasks[lost].startswith("ValueError: no")
    assert f"temperature failed on {row.members[1]}" in ended.failed_tasks[row.key]
    assert audit(store, ledger, None).ok
    assert not start(storage, **TASKS, posthoc_only=True).failed_tasks
    assert row_of(storage, OF).metrics == row.metrics


def test_an_unknown_task_and_a_doubled_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'temperature'"):
        replace(SWEEP, posthoc=(Temperature(), Ensemble(of="temprature")))
    with pytest.raises(ValueError, match="no such task"):
        replace(SWEEP, posthoc=(Evaluation(), Ensemble(of="laplace_kron")))
    with pytest.raises(ValueError, match="called ensemble_seeds_4"):
        replace(SWEEP, posthoc=(Ensemble(), Ensemble(sizes=(2,))))
