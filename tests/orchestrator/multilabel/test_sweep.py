import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.network import StoredNetwork
from orchestrator.report.classes import by_class
from orchestrator.report.columns import chosen_columns
from orchestrator.report.findings import gather
from orchestrator.report.headline import sentences, tiles
from orchestrator.report.intervals import accuracy_interval
from orchestrator.report.laplace import laplace_lines
from orchestrator.report.tables import results_json
from orchestrator.report.write import write_report
from orchestrator.results import found, network_tasks
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Ended
from orchestrator.tracking.pictures import ensemble_pictures, network_pictures
from tests.orchestrator.multilabel import sweeps
from trainables.data.prepare import DataSource
from trainables.data.synthetic import FINDINGS
from trainables.multilabel import MultiLabelPredictions
from trainables.spec import Synthetic


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def ended(storage: Path) -> Ended:
    return sweeps.run_embedded(storage)


@pytest.fixture(scope="module")
def results(storage: Path, ended: Ended) -> dict:
    return results_json(Ledger(storage, "labels"), Store(storage))


def test_a_sweep_on_several_labels_ends_with_every_result(ended: Ended, results: dict) -> None:
    assert ended.finished
    assert not ended.failed_trials
    rows = {row["name"]: row for row in results["rows"]}
    for name in ("trial-0000", "trial-0001", "trial-0002", "member-0000"):
        metrics = rows[name]["metrics"]
        for metric in ("val/auroc", "temperature/val/auroc", "test/auroc", "test/nll", "temperature/test/ece"):
            assert math.isfinite(metrics[metric]), (name, metric)
        assert {f"test/{metric}/{name}" for metric in ("recall", "auroc", "ece") for name in FINDINGS} <= set(metrics)
        assert metrics["temperature/calib/temperature"] > 0
    for name in ("ensemble_seeds_2", "ensemble_top_2"):
        assert math.isfinite(rows[name]["metrics"]["temperature/test/nll"])
    assert math.isfinite(results["baselines"][0]["metrics"]["test/auroc"])


def test_tasks_for_one_class_an_image_are_left_out_and_nothing_fails(storage: Path, ended: Ended) -> None:
    assert not ended.failed_tasks
    names = [task.name for task in network_tasks(Ledger(storage, "labels").definition())]
    assert names == ["", "temperature", "laplace_kron", "aopc", "aopc_stability", "maps_laplace_kron", "attentive"]


def test_laplace_has_posteriors_of_labels_and_a_table_with_its_seconds(storage: Path, ended: Ended) -> None:
    findings = gather(Store(storage), Ledger(storage, "labels"))
    for row in findings.networks:
        assert row.metrics["laplace_kron/train/prior_precision"] > 0
        assert isinstance(findings.predictions(row.results["laplace_kron"], "test"), MultiLabelPredictions)
    before, after = laplace_lines(findings)[:2]
    assert (before.hessian, before.fit, after.hessian) == ("none", "–", "Kronecker")
    assert before.model.endswith(findings.best.name)
    assert after.optimisation.endswith("s")
    chosen = chosen_columns(findings.results, ["seconds/laplace_kron/fit"])[0]
    assert chosen.value(findings.best) == findings.best.seconds["laplace_kron/fit"]


def test_the_best_trial_has_the_largest_auroc(storage: Path, ended: Ended) -> None:
    findings = gather(Store(storage), Ledger(storage, "labels"))
    values = [row.metrics["val/auroc"] for row in findings.results if row.kind == "trial"]
    assert findings.best is not None
    assert findings.best.metrics["val/auroc"] == max(values)


def test_the_network_is_read_from_the_store_as_what_it_is(storage: Path, ended: Ended) -> None:
    row = Ledger(storage, "labels").rows()[0]
    network = StoredNetwork(Store(storage), row.key)
    assert network.multilabel
    assert isinstance(network.predictions("test"), MultiLabelPredictions)
    assert network.studies("test") is None


def test_the_report_shows_labels_and_no_confusion_matrix(storage: Path, ended: Ended, tmp_path: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "labels")
    page = write_report(store, ledger, tmp_path / "report.html").read_text("utf-8")
    assert "<h3>By label</h3>" in page
    assert "Confusion matrix" not in page
    assert "ECE over all labels" in page
    assert page.count("in AUROC on test, the mean over the labels") >= 3
    findings = gather(store, ledger)
    table = by_class(findings)
    assert table is not None
    present = StoredNetwork(store, findings.best.key).predictions("test").targets.sum(0).tolist()
    assert [row.images for row in table.rows] == present
    assert any("A linear model" in each and "in AUROC on test" in each for each in sentences(findings))
    assert "AUROC, best network" in [tile.title for tile in tiles(findings)]
    interval = accuracy_interval(findings, findings.best)
    accuracy = findings.best.metrics["test/accuracy"]
    assert interval is None or interval.low <= accuracy <= interval.high


def test_the_pictures_of_a_run_can_be_drawn(storage: Path, ended: Ended) -> None:
    store, ledger = Store(storage), Ledger(storage, "labels")
    row = ledger.rows()[0]
    tasks = network_tasks(ledger.definition())
    pictures = network_pictures(store, row, {task: manifest for task, _, manifest in found(store, tasks, row.key)})
    pictures |= ensemble_pictures(store, next(iter(ledger.ensembles())))
    assert {"figures/learning_curves.png", "figures/reliability.png"} <= set(pictures)
    for picture in pictures.values():
        assert Image.open(io.BytesIO(picture.content())).width > 600  # a note of what went wrong is narrower


def test_an_objective_that_classes_do_not_measure_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    sweep = replace(sweeps.SWEEP, space=lambda trial: sweeps.spec_of(trial, Synthetic(images=64, size=32)))
    with pytest.raises(
        ValueError, match="'val/auroc' is measured after every epoch only where images have several labels"
    ):
        sweeps.run(sweep, tmp_path, DataSource())
    assert not Ledger(tmp_path, "labels").exists()
