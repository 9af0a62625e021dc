from pathlib import Path

import numpy as np
import pytest

from orchestrator.external.evaluate import evaluate
from orchestrator.external.explain import explain
from orchestrator.external.passes import load_predictions
from orchestrator.external.predict import predict
from orchestrator.network import StoredNetwork
from orchestrator.report.findings import gather
from orchestrator.report.headline import sentences
from orchestrator.report.tables import results_json
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.multilabel.sweeps import LABELS, run_table, write_table
from trainables.metrics import predictive_entropy
from trainables.posthoc.temperature import apply_temperature
from trainables.studies import study_metrics


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep on files."""
    folder = tmp_path_factory.mktemp("table")
    ended = run_table(folder / "runs", write_table(folder / "own", patients=30, seed=0))
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    return folder / "runs"


@pytest.fixture(scope="module")
def hospital(storage: Path) -> Path:
    return write_table(storage.parent / "hospital", patients=8, seed=1)


def test_visits_are_judged_where_the_table_names_them(storage: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "table")
    row = next(row for row in results_json(ledger, store)["rows"] if row["name"] == "trial-0000")
    network = StoredNetwork(store, row["key"])
    names, predictions = network.studies("test"), network.predictions("test")
    assert names is not None
    assert len(names) == 2 * len(set(names)) == len(predictions)
    expected, _ = study_metrics(predictions, names, network.classes)
    assert {name: row["metrics"][name] for name in expected} == expected
    assert expected["test/study_auroc"] is not None
    assert row["metrics"]["test/auroc/never seen"] is None
    assert any("of the known labels of studies" in each for each in sentences(gather(store, ledger)))


def test_networks_are_evaluated_on_another_table(storage: Path, hospital: Path) -> None:
    found = evaluate(storage, "table", hospital)
    best = found.rows[0]
    assert best.n == 32
    key = next(key for key in found.artifacts if key.startswith("pass-"))
    predictions = load_predictions(Store(storage), key)
    known = predictions.known()
    wrong = ((predictions.pooled_log_odds() > 0) != (predictions.targets > 0.5))[known]
    assert best.metrics["uncalibrated/accuracy"] == pytest.approx(1 - float(wrong.double().mean()))
    assert best.metrics["temperature/accuracy"] == best.metrics["uncalibrated/accuracy"]
    assert {row.kind for row in found.rows} >= {"trial", "ensemble"}


@pytest.mark.parametrize("network", [None, "ensemble_seeds_2"])
def test_prediction_gives_a_probability_a_label_and_names_those_above_one_half(
    storage: Path, hospital: Path, network: str | None
) -> None:
    frame = predict(storage, "table", hospital, network=network)
    probabilities = [f"p/{name}" for name in LABELS]
    further = ["mutual_information", "disagreement"] if network else []
    assert list(frame.columns) == ["file", "predicted", *probabilities, "entropy", *further]
    for _, row in frame.iterrows():
        wanted = [name for name in LABELS if row[f"p/{name}"] > 0.5]
        assert row["predicted"] == "; ".join(wanted)
    values = frame[probabilities].to_numpy()
    entropy = -(values * np.log(values) + (1 - values) * np.log(1 - values)).sum(1)
    np.testing.assert_allclose(frame["entropy"], entropy, rtol=1e-6)


def test_predicted_rows_are_those_of_the_evaluation(storage: Path, hospital: Path) -> None:
    found = evaluate(storage, "table", hospital)
    frame = predict(storage, "table", hospital)
    store = Store(storage)
    key = next(
        key for key in found.artifacts if key.startswith("pass-") and store.manifest(key).meta["network"] == found.best
    )
    calibrated = apply_temperature(load_predictions(store, key), found.rows[0].temperature)
    rows = frame.set_index("file").loc[list(calibrated.image_ids)]
    np.testing.assert_allclose(rows[[f"p/{name}" for name in LABELS]], calibrated.log_probs()[0].exp(), atol=1e-6)
    np.testing.assert_allclose(rows["entropy"], predictive_entropy(calibrated), atol=1e-6)


def test_the_most_probable_label_is_explained_unless_another_is_named(
    storage: Path, hospital: Path, tmp_path: Path
) -> None:
    image = next(iter(sorted(hospital.rglob("*.png"))))
    (row,) = predict(storage, "table", image).to_dict("records")
    told = explain(storage, "table", [image], out=tmp_path).images[0].explanation
    assert told is not None
    assert told.calibrated == pytest.approx({name: row[f"p/{name}"] for name in told.calibrated}, abs=1e-6)
    assert told.explained_class == max(told.calibrated, key=lambda name: told.calibrated[name])
    assert (told.predicted or None) == (row["predicted"] or None)
    assert sum(told.calibrated.values()) != pytest.approx(1)
    other = explain(storage, "table", [image], of_class=LABELS[0], out=tmp_path).images[0].explanation
    assert other is not None
    assert other.explained_class == LABELS[0]
