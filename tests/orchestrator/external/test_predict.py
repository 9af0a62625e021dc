import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator.external.chosen import ensembles, named
from orchestrator.external.evaluate import evaluate
from orchestrator.external.passes import load_predictions, pass_key
from orchestrator.external.predict import predict
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.external.sweeps import CLASSES, radiograph
from trainables.metrics import disagreement, mutual_information, predictive_entropy
from trainables.posthoc.temperature import apply_temperature
from trainables.predictions import join_members

PROBABILITIES = [f"p/{name}" for name in CLASSES]


def stored_pass(storage, external, networks):
    store = Store(storage)
    return join_members([load_predictions(store, pass_key(external, key)) for key in sorted(networks)])


def external_key(found):
    return next(key for key in found.artifacts if key.startswith("external-"))


def by_file(frame, predictions):
    return frame.set_index("file").loc[list(predictions.image_ids)]


def test_rows_are_those_of_the_evaluation(storage, hospital):
    found = evaluate(storage, "tiny", hospital)
    frame = predict(storage, "tiny", hospital)
    logits = stored_pass(storage, external_key(found), [found.best])
    expected = apply_temperature(logits, found.rows[0].temperature)
    rows = by_file(frame, expected)
    np.testing.assert_allclose(rows[PROBABILITIES], expected.log_probs()[0].exp(), atol=1e-6)
    np.testing.assert_allclose(rows["entropy"], predictive_entropy(expected), atol=1e-6)
    right = rows["predicted"] == [name.split("/")[0] for name in rows.index]
    assert right.mean() == pytest.approx(found.rows[0].metrics["temperature/accuracy"])
    assert frame.attrs["key"] == found.best


def test_an_ensemble_gives_what_its_members_do_not_agree_on(storage, hospital):
    found = evaluate(storage, "tiny", hospital)
    ensemble = next(row for row in found.rows if row.name == "ensemble_seeds_3")
    frame = predict(storage, "tiny", hospital, network="ensemble_seeds_3")
    members = stored_pass(storage, external_key(found), ensemble.members)
    calibrated = apply_temperature(members, ensemble.temperature)
    rows = by_file(frame, members)
    np.testing.assert_allclose(rows[PROBABILITIES], calibrated.log_probs()[0].exp(), atol=1e-6)
    np.testing.assert_allclose(rows["mutual_information"], mutual_information(members), atol=1e-6)
    np.testing.assert_allclose(rows["disagreement"], disagreement(members), atol=1e-6)


def test_columns_and_order(storage, hospital):
    frame = predict(storage, "tiny", hospital)
    assert list(frame) == ["file", "predicted", *PROBABILITIES, "confidence", "entropy"]
    assert frame["file"].tolist() == sorted(frame["file"])
    np.testing.assert_allclose(frame[PROBABILITIES].sum(axis=1), 1)
    np.testing.assert_allclose(frame["confidence"], frame[PROBABILITIES].max(axis=1))
    assert [CLASSES[n] for n in frame[PROBABILITIES].to_numpy().argmax(1)] == frame["predicted"].tolist()


def test_blocks_change_nothing(storage, hospital, monkeypatch):
    whole = predict(storage, "tiny", hospital)
    monkeypatch.setattr("orchestrator.external.predict.AT_ONCE", 7)
    parts = predict(storage, "tiny", hospital)
    assert whole["file"].tolist() == parts["file"].tolist()
    np.testing.assert_allclose(whole[PROBABILITIES], parts[PROBABILITIES], atol=1e-6)


def test_any_folder_and_format_will_do(storage, tmp_path):
    (tmp_path / "b" / "c").mkdir(parents=True)
    grey = radiograph(1, 0)
    Image.fromarray(grey).save(tmp_path / "b" / "c" / "deep.BMP")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    Image.fromarray(grey).convert("RGB").save(tmp_path / "colour.tif")
    (tmp_path / "notes.txt").write_text("no image")
    frame = predict(storage, "tiny", tmp_path)
    assert frame["file"].tolist() == ["b/c/deep.BMP", "colour.tif", "sixteen.png"]
    np.testing.assert_allclose(frame[PROBABILITIES].iloc[0], frame[PROBABILITIES].iloc[1], atol=0.02)
    np.testing.assert_allclose(frame[PROBABILITIES].iloc[0], frame[PROBABILITIES].iloc[2], atol=0.02)
    assert frame.attrs["left_out"] == ["notes.txt"]


def test_a_circle_of_links_ends(storage, tmp_path):
    Image.fromarray(radiograph(0, 1)).save(tmp_path / "a.png")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert predict(storage, "tiny", tmp_path)["file"].tolist() == ["a.png"]


def test_a_single_file_will_do(storage, hospital):
    frame = predict(storage, "tiny", hospital / "Normal" / "images" / "Normal-00.png")
    assert frame["file"].tolist() == ["Normal-00.png"]


@pytest.fixture
def half_bad(hospital, tmp_path):
    folder = shutil.copytree(hospital / "Normal" / "images", tmp_path / "half_bad")
    (folder / "Normal-03.png").write_bytes(b"")
    (folder / "zz.jpg").write_text("no picture")
    return folder


def test_a_bad_image_is_an_error_that_names_it(storage, half_bad):
    with pytest.raises(ValueError, match=r"Normal-03\.png: the file is empty .*zz\.jpg.*--skip-bad"):
        predict(storage, "tiny", half_bad)


def test_skipped_images_keep_their_row(storage, half_bad, hospital):
    frame = predict(storage, "tiny", half_bad, skip_bad=True).set_index("file")
    assert len(frame) == 11
    assert "the file is empty" in frame.loc["Normal-03.png", "problem"]
    assert frame.loc[["Normal-03.png", "zz.jpg"], "predicted":"entropy"].isna().all(axis=None)
    clean = predict(storage, "tiny", hospital / "Normal" / "images").set_index("file")
    good = frame[frame["problem"] == ""]
    np.testing.assert_allclose(good[PROBABILITIES], clean.loc[good.index, PROBABILITIES], atol=1e-6)


def test_nothing_but_bad_images_gives_rows_without_prediction(storage, tmp_path):
    (tmp_path / "only.png").write_bytes(b"")
    frame = predict(storage, "tiny", tmp_path, skip_bad=True)
    assert frame["predicted"].isna().all()


def test_an_empty_folder_is_refused(storage, tmp_path):
    with pytest.raises(ValueError, match="there is no image in it or below it, but no file"):
        predict(storage, "tiny", tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"but 1 other files, such as notes\.txt\. Images end in \.png"):
        predict(storage, "tiny", tmp_path)


def test_a_place_that_is_not_there_is_refused(storage, tmp_path):
    with pytest.raises(ValueError, match="no such folder or file"):
        predict(storage, "tiny", tmp_path / "nowhere")


def test_networks_go_by_name_or_key(storage, hospital):
    store, ledger = Store(storage), Ledger(storage, "tiny")
    member = named(store, ledger, "member-0000")
    assert named(store, ledger, member.key) == member
    assert {named(store, ledger, each.key) for each in ensembles(store, ledger)} == set(ensembles(store, ledger))
    with pytest.raises(ValueError, match=r"--with ensemble_seed_3: .*Did you mean 'ensemble_seeds_3'"):
        predict(storage, "tiny", hospital, network="ensemble_seed_3")


def test_a_sweep_on_embedded_data_without_tasks_predicts_with_a_fitted_temperature(storage, hospital):
    from orchestrator.network import StoredNetwork
    from trainables.posthoc.temperature import fit_temperature

    frame = predict(storage, "embedded", hospital)
    network = StoredNetwork(Store(storage), frame.attrs["key"])
    assert frame.attrs["temperature"] == fit_temperature(network.predictions("calib"))
    assert [name for name in frame if name.startswith("p/")] == [f"p/{name}" for name in network.classes]


def test_answers_of_one_member_have_no_disagreement():
    from trainables.unlabelled import answer

    told = answer(torch.tensor([[[2.0, 0.0, -1.0]]]), 2.0)
    torch.testing.assert_close(told.log_probs, torch.log_softmax(torch.tensor([[1.0, 0.0, -0.5]]).double(), 1))
    assert float(told.mutual_information) == float(told.disagreement) == 0.0
    with pytest.raises(ValueError, match="non-finite logits"):
        answer(torch.tensor([[[float("nan"), 0.0]]]), 1.0)
