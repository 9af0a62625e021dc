import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator.deletion import used_keys
from orchestrator.external.chosen import best_network, ensembles
from orchestrator.external.evaluate import evaluate
from orchestrator.external.evaluation import Evaluation
from orchestrator.network import StoredNetwork
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.external.sweeps import CLASSES, known_classes, write_classes
from trainables.data.decoding import decode_grey
from trainables.spec import Laplace, Temperature, posthoc_key


@pytest.fixture(scope="module")
def found(storage, hospital):
    return evaluate(storage, "tiny", hospital)


@pytest.fixture
def store(storage):
    return Store(storage)


@pytest.fixture
def ledger(storage):
    return Ledger(storage, "tiny")


def artifacts(storage):
    """Every file of the store with its time: what a computation would change."""
    return {path: path.stat().st_mtime_ns for path in storage.rglob("*") if path.is_file()}


def slow_logits(store, key, root):
    """The network's logits, an image at a time, and the truth."""
    network = StoredNetwork(store, key)
    classifier = network.classifier()
    logits, truth = [], []
    for label, name in enumerate(network.classes):
        for path in sorted((root / name / "images").iterdir()):
            pixels = torch.tensor(decode_grey(path, 32)).float()[None, None] / 255
            with torch.no_grad():
                logits.append(classifier(pixels)[0].double())
            truth.append(label)
    return torch.stack(logits), torch.tensor(truth)


def slow_metrics(probabilities, truth):
    confidence, chosen = probabilities.max(1)
    right = (chosen == truth).double()
    ece = 0.0
    for bin_ in range(15):
        inside = (confidence > bin_ / 15) & (confidence <= (bin_ + 1) / 15)
        if inside.any():
            ece += float(inside.double().mean() * (confidence[inside].mean() - right[inside].mean()).abs())
    nll = float(-probabilities[torch.arange(len(truth)), truth].log().mean())
    return {"accuracy": float(right.mean()), "ece": ece, "nll": nll}


def require_equal(row, stage, expected):
    for name, value in expected.items():
        assert row.metrics[f"{stage}/{name}"] == pytest.approx(value, abs=1e-6), f"{stage}/{name}"


def test_a_network_is_judged_as_a_slow_loop_judges_it(found, store, hospital):
    for row in found.rows:
        if row.kind != "ensemble":
            logits, truth = slow_logits(store, row.key, hospital)
            require_equal(row, "uncalibrated", slow_metrics(logits.softmax(1), truth))
            require_equal(row, "temperature", slow_metrics((logits / row.temperature).softmax(1), truth))


def test_an_ensemble_is_judged_as_a_slow_loop_judges_it(found, store, hospital):
    rows = [row for row in found.rows if row.kind == "ensemble"]
    assert {row.name for row in rows} == {"ensemble_seeds_3", "ensemble_top_2"}
    for row in rows:
        parts = [slow_logits(store, key, hospital) for key in row.members]
        mean = torch.stack([logits.softmax(1) for logits, _ in parts]).mean(0)
        require_equal(row, "uncalibrated", slow_metrics(mean, parts[0][1]))
        calibrated = (mean.log() / row.temperature).softmax(1)
        require_equal(row, "temperature", slow_metrics(calibrated, parts[0][1]))


def test_the_temperature_is_the_one_that_the_sweep_has_stored(found, store):
    for row in found.rows:
        key = row.key if row.kind == "ensemble" else posthoc_key(Temperature(), [row.key])
        metrics = store.manifest(key).meta["metrics"]
        name = "temperature/calib/temperature" if row.kind == "ensemble" else "calib/temperature"
        assert row.temperature == metrics[name]


def test_the_laplace_posteriors_are_the_stored_ones(found, store, ledger, hospital):
    from safetensors.torch import load_file

    from trainables.posthoc.posterior import load_posterior, predict_laplace

    task = Laplace()
    best = found.rows[0]
    tensors = load_file(store.folder(posthoc_key(task, [best.key])) / "tensors.safetensors")
    network = StoredNetwork(store, best.key)
    classifier, rows = network.classifier(), []
    for name in network.classes:
        for path in sorted((hospital / name / "images").iterdir()):
            with torch.no_grad():
                rows.append(classifier.features(torch.tensor(decode_grey(path, 32)).float()[None, None] / 255)[0])
    probabilities = predict_laplace(load_posterior(tensors), torch.stack(rows))[0].softmax(1)
    _, truth = slow_logits(store, best.key, hospital)
    require_equal(best, task.name, slow_metrics(probabilities, truth))
    assert "laplace_diag_mc/nll" in best.metrics


def test_the_network_is_chosen_on_val(found, store, ledger):
    trials = [row for row in ledger.rows() if row.kind == "trial"]
    best = min(trials, key=lambda row: row.best.metrics["temperature/val/nll"])
    assert found.best == found.rows[0].key == best.key == best_network(store, ledger).key
    assert all(row.selected_on == "val" for row in found.rows)
    assert {row.key for row in found.rows} == {
        *(row.key for row in ledger.rows()),
        *(each.key for each in ensembles(store, ledger)),
    }


def test_the_data_are_described(found, hospital):
    assert found.data.images == 30
    assert found.data.patients is None
    assert dict(found.data.classes) == dict.fromkeys(CLASSES, 10)
    assert {row.n for row in found.rows} == {30}
    assert not any("pixel for pixel" in remark or "Patients" in remark for remark in found.remarks)


def test_the_document_keeps_the_contract(found):
    plain = found.to_plain()
    assert {"sweep", "data", "best", "rows"} <= set(plain)
    assert {"fingerprint", "images", "patients"} <= set(plain["data"])
    for row in plain["rows"]:
        assert {"key", "kind", "name", "selected_on", "n", "metrics"} <= set(row)
        names = {f"{stage}/{name}" for stage in ("uncalibrated", "temperature") for name in ("accuracy", "ece", "nll")}
        assert names <= set(row["metrics"])
    assert Evaluation.from_plain(plain) == found
    assert len(found.table()) == len(found.rows)


def test_a_second_call_computes_nothing(found, storage, hospital, monkeypatch):
    before = artifacts(storage)
    monkeypatch.setattr("orchestrator.external.evaluate._compute", None)
    assert evaluate(storage, "tiny", hospital) == found
    assert artifacts(storage) == before


def test_the_same_files_elsewhere_are_the_same_data(found, storage, hospital, tmp_path):
    shutil.copytree(hospital, tmp_path / "moved")
    before = artifacts(storage).keys()
    assert evaluate(storage, "tiny", tmp_path / "moved").key == found.key
    assert artifacts(storage).keys() == before


def test_the_evaluation_and_its_artifacts_are_in_the_ledger_and_the_store(found, store, ledger):
    assert found.key in ledger.evaluations()
    assert all(store.exists(key) for key in found.artifacts)
    assert {key.split("-")[0] for key in found.artifacts} == {"external", "pass"}
    assert set(found.artifacts) <= used_keys(store, ledger)


def test_a_lost_pass_is_computed_again_and_nothing_else(found, storage, store, ledger, hospital):
    lost = found.artifacts[-1]
    kept = {key: store.manifest(key) for key in found.artifacts[:-1]}
    store.delete(lost)
    (ledger.folder / "evaluations" / f"{found.key}.json").unlink()
    again = evaluate(storage, "tiny", hospital)
    assert again == found
    assert store.exists(lost)
    assert {key: store.manifest(key) for key in kept} == kept


def test_images_of_the_sweeps_own_data_are_told(storage, own_data, hospital, tmp_path):
    mixed = shutil.copytree(hospital, tmp_path / "mixed")
    for n in range(3):
        shutil.copy(
            own_data / "Normal" / "images" / f"Normal-{n:02d}.png", mixed / "Normal" / "images" / f"copy-{n}.png"
        )
    original = Image.open(own_data / "COVID" / "images" / "COVID-07.png")
    original.resize((80, 80), Image.Resampling.BICUBIC).save(mixed / "COVID" / "images" / "larger.png")
    remarks = evaluate(storage, "tiny", mixed).remarks
    assert any(remark.startswith("3 of 34 images are pixel for pixel in the sweep's own data") for remark in remarks)
    assert any(remark.startswith("1 of 34 images are near-duplicates") for remark in remarks)


def test_patients_are_counted(storage, hospital, tmp_path):
    lines = [f"{name}/images/{name}-{n:02d}.png,{name} {n // 2}" for name in CLASSES for n in range(10)]
    (tmp_path / "patients.csv").write_text("\n".join(["path,patient", *lines]))
    found = evaluate(storage, "tiny", hospital, patients=tmp_path / "patients.csv")
    assert found.data.patients == 15


def test_an_unknown_class_is_refused_with_the_way_out(storage, tmp_path):
    folder = write_classes(tmp_path / "unknown", {"Normal": 1, "Lung_Opacity": 0}, images=2, first_seed=900)
    with pytest.raises(ValueError, match=r"does not know the class 'Lung_Opacity'.*--map 'Lung_Opacity'=CLASS"):
        evaluate(storage, "tiny", folder)


def test_a_mapped_class_counts_as_the_networks(found, storage, hospital, tmp_path):
    folder = shutil.copytree(hospital, tmp_path / "renamed")
    (folder / "COVID").rename(folder / "Corona")
    mapped = evaluate(storage, "tiny", folder, classes={"Corona": "COVID"})
    assert mapped.key != found.key
    assert dict(mapped.rows[0].metrics) == pytest.approx(dict(found.rows[0].metrics))


def test_a_missing_class_is_a_remark_and_its_numbers_are_undefined(storage, tmp_path):
    folder = write_classes(tmp_path / "two", known_classes("COVID", "Normal"), images=3, first_seed=700)
    found = evaluate(storage, "tiny", folder)
    assert "two has no images of 'Viral Pneumonia'." in found.remarks
    assert found.rows[0].metrics["uncalibrated/recall/Viral Pneumonia"] is None
    assert found.rows[0].metrics["uncalibrated/auroc"] is not None


def test_embedded_radiographs_have_no_folder_to_be_validated_on(storage, hospital):
    with pytest.raises(
        ValueError, match=r"'embedded' was trained on embedded radiographs.*orchestrator predict embedded"
    ):
        evaluate(storage, "embedded", hospital)


def test_an_unfinished_sweep_says_so(found, storage, hospital, ledger):
    before = ledger.outcome()
    ledger.write_outcome("interrupted")
    try:
        remarks = evaluate(storage, "tiny", hospital).remarks
    finally:
        (ledger.folder / "outcome.json").unlink()
        ledger.write_outcome(before["state"])
    assert "The sweep is interrupted: another network may become the best one." in remarks


@pytest.mark.parametrize(
    ("sweep", "message"), [("tinny", "no sweep 'tinny'"), ("tiny", "the data folder does not exist. Check --data")]
)
def test_what_is_not_there_is_refused(storage, tmp_path, sweep, message):
    with pytest.raises(ValueError, match=message):
        evaluate(storage, sweep, tmp_path / "nowhere")


def test_a_bad_image_is_named(storage, hospital, tmp_path):
    folder = shutil.copytree(hospital, tmp_path / "bad")
    (folder / "Normal" / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"broken\.png"):
        evaluate(storage, "tiny", folder)


def test_a_sixteen_bit_folder_gives_nearly_the_same(found, storage, hospital, tmp_path):
    folder = shutil.copytree(hospital, tmp_path / "deep")
    for path in sorted(folder.rglob("*.png")):
        deep = np.asarray(Image.open(path)).astype(np.uint16) * 257
        Image.fromarray(deep).save(path)
    deep_found = evaluate(storage, "tiny", folder)
    assert deep_found.rows[0].metrics["uncalibrated/nll"] == pytest.approx(
        found.rows[0].metrics["uncalibrated/nll"], abs=0.02
    )


def test_a_sweep_without_a_completed_trial_has_no_best_network(storage, hospital, tmp_path):
    shutil.copytree(storage / "sweeps" / "tiny", tmp_path / "sweeps" / "tiny")
    with pytest.raises(
        ValueError, match=r"'tiny' has no completed trial with a value of temperature/val/nll.*status tiny"
    ):
        evaluate(tmp_path, "tiny", hospital)
