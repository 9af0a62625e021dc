"""MIMO networks from the sweep to a user's own images, for one class an image and for several labels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from orchestrator.executors.inline import InlineExecutor
from orchestrator.external.evaluate import evaluate
from orchestrator.external.passes import load_predictions
from orchestrator.external.predict import predict
from orchestrator.network import StoredNetwork
from orchestrator.report.tables import results_json
from orchestrator.results import network_tasks, undefined_tasks
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from search_spaces.overrides import Overrides
from search_spaces.registry import load_sweep
from search_spaces.sweep import Sweep
from tests.orchestrator.external.sweeps import CLASSES, known_classes, write_classes
from tests.orchestrator.multilabel.sweeps import EMBEDDED
from trainables.data.prepare import DataSource
from trainables.metrics import headline, mutual_information
from trainables.predictions import join_members
from trainables.spec import (
    Aopc,
    CovidRadiography,
    Ensemble,
    Evaluation,
    Laplace,
    Mimo,
    Schedule,
    Split,
    Temperature,
    TrialSpec,
)

TASKS = (Evaluation(), Temperature(), Laplace(), Aopc(images=2, cells=2), Ensemble(members="seeds", size=2))


def run(sweep: Sweep, storage: Path, source: DataSource, overrides: Overrides | None = None) -> Ended:
    launch = Launch(sweep=sweep, overrides=overrides or Overrides(), name=sweep.name, storage=storage, source=source)
    return run_sweep(launch, InlineExecutor())


def one_class(trial) -> TrialSpec:  # type: ignore[no-untyped-def]
    """A MIMO network of two heads."""
    return TrialSpec(
        data=CovidRadiography(size=32),
        model=Mimo(name="test_resnet", members=trial.suggest_categorical("members", [2])),
        split=Split(val=0.2, calib=0.2, test=0.2),
        schedule=Schedule(epochs=1, batch_size=8),
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mimo") / "runs"


@pytest.fixture(scope="module")
def ended(storage: Path) -> Ended:
    data = write_classes(storage.parent / "own", known_classes(), images=12, first_seed=0)
    sweep = Sweep(name="mimo", space=one_class, trials=1, member_seeds=1, searcher="grid", posthoc=TASKS)
    return run(sweep, storage, DataSource(root=data))


def rows_of(storage: Path, name: str) -> dict:  # type: ignore[type-arg]
    return {row["name"]: row for row in results_json(Ledger(storage, name), Store(storage))["rows"]}


def test_every_task_ends_with_a_result_but_laplace_which_is_left_out(storage: Path, ended: Ended) -> None:
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    metrics = rows_of(storage, "mimo")["trial-0000"]["metrics"]
    assert {"test/nll", "temperature/test/ece", "aopc/test/aopc"} <= set(metrics)
    assert not any(name.startswith("laplace") for name in metrics)
    ledger = Ledger(storage, "mimo")
    undefined = undefined_tasks(network_tasks(ledger.definition()), ledger.rows()[0])
    assert list(undefined.values()) == ["the network has several heads (model/members)"]


def test_a_network_on_images_of_another_hospital(storage: Path, ended: Ended) -> None:
    hospital = write_classes(storage.parent / "hospital", known_classes(), images=3, first_seed=500)
    found = evaluate(storage, "mimo", hospital)
    key = next(key for key in found.artifacts if key.startswith("pass-"))
    predictions = load_predictions(Store(storage), key)
    assert predictions.logits.shape == (2, 9, 3)
    frame = predict(storage, "mimo", hospital, network="trial-0000").set_index("file")
    assert torch.allclose(
        torch.tensor(frame[[f"p/{name}" for name in CLASSES]].sum(1).to_numpy()), torch.ones(9).double()
    )
    stored = StoredNetwork(Store(storage), rows_of(storage, "mimo")["trial-0000"]["key"])
    assert stored.classifier().members == 2
    if found.best == stored.key:
        wanted = mutual_information(predictions).double()
        rows = frame.loc[list(predictions.image_ids)]
        assert torch.allclose(torch.tensor(rows["mutual_information"].to_numpy()), wanted, atol=1e-6)


def test_the_space_of_paper_p2_has_a_row_for_every_number_of_members(tmp_path: Path) -> None:
    printed = load_sweep("p2_chexpert_mimo")
    split = Split(val=0.2, calib=0.2, test=0.2)
    small = replace(
        printed,
        space=lambda trial: replace(printed.space(trial), data=EMBEDDED, split=split),
        trials=5,
        member_seeds=1,
        posthoc=(Evaluation(), Temperature(), Ensemble(members="seeds", size=2)),
    )
    fields = {"model/name": "test_resnet", "schedule/epochs": 1, "schedule/batch_size": 16}
    ended = run(small, tmp_path, DataSource(), Overrides(fields=fields))
    assert not ended.failed_trials
    assert not ended.failed_tasks
    rows, store = rows_of(tmp_path, printed.name), Store(tmp_path)
    heads = {
        name: StoredNetwork(store, row["key"]).predictions("test").members
        for name, row in rows.items()
        if "trial" in name
    }
    assert heads == {"trial-0000": 1, "trial-0001": 1, "trial-0002": 2, "trial-0003": 3, "trial-0004": 4}
    assert rows["trial-0000"]["metrics"] == rows["trial-0001"]["metrics"]
    assert {"test/auroc", "test/nll", "test/ece", "temperature/test/ece"} <= set(rows["trial-0004"]["metrics"])
    ensemble = rows["ensemble_seeds_2"]
    networks = [StoredNetwork(store, key) for key in ensemble["members"]]
    joined = join_members([network.predictions("test") for network in networks])
    assert joined.members == 2 * networks[0].predictions("test").members
    assert headline(joined)["nll"] == pytest.approx(ensemble["metrics"]["test/nll"], rel=1e-6)
