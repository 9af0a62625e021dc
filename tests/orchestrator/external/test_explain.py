import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator import api
from orchestrator.external.explain import SIDE, explain
from orchestrator.external.explanation import Explanation, load_maps
from orchestrator.external.passes import classifier_of
from orchestrator.external.predict import predict
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from trainables.data.decoding import decode_grey
from trainables.explain.aggregate import scaled
from trainables.explain.grad_cam import upsample
from trainables.explain.methods import saliency_maps
from trainables.predict import to_intensities


@pytest.fixture
def image(hospital):
    return hospital / "Normal" / "images" / "Normal-00.png"


@pytest.fixture
def copied(storage, tmp_path):
    """A storage folder whose ledger a test may change."""
    return shutil.copytree(storage, tmp_path / "runs")


def test_numbers_are_those_of_predict_and_the_map_is_that_of_the_network(copied, image, tmp_path):
    found = explain(copied, "tiny", [image], out=tmp_path / "out")
    (row,) = predict(copied, "tiny", image).to_dict("records")
    told = found.images[0].explanation
    assert found.key == told.network
    assert told.predicted == told.explained_class == row["predicted"]
    assert told.calibrated == pytest.approx({name: row[f"p/{name}"] for name in told.calibrated}, abs=1e-6)
    assert told.entropy == pytest.approx(row["entropy"], abs=1e-6)
    assert sum(told.uncalibrated.values()) == pytest.approx(1)
    assert told.uncalibrated != told.calibrated
    assert (told.disagreement, told.mutual_information, told.map_correlation) == (None, None, None)
    store = Store(copied)
    pixels, maps = load_maps(store, told.key, [1])
    np.testing.assert_array_equal(pixels, decode_grey(image, SIDE))
    inputs = to_intensities(torch.tensor(decode_grey(image, 32))[None])
    number = list(told.calibrated).index(told.predicted)
    wanted = saliency_maps(classifier_of(store, told.network), inputs, torch.tensor([number]))
    np.testing.assert_allclose(maps[0], scaled(upsample(wanted[:, None], (SIDE, SIDE)))[0, 0], atol=1e-3)


def test_members_are_shown_with_what_each_says(copied, image, tmp_path):
    found = explain(copied, "tiny", [image], members=True, network="ensemble_seeds_3", out=tmp_path / "out")
    told = found.images[0].explanation
    (row,) = predict(copied, "tiny", image, network="ensemble_seeds_3").to_dict("records")
    assert told.mutual_information == pytest.approx(row["mutual_information"], abs=1e-6)
    assert told.disagreement == pytest.approx(row["disagreement"], abs=1e-6)
    assert -1 <= told.map_correlation <= 1
    mean = np.mean([member.probability for member in told.members])
    assert told.uncalibrated[told.explained_class] == pytest.approx(mean, abs=1e-6)
    assert {member.name for member in told.members} <= {row.name for row in Ledger(copied, "tiny").rows()}
    assert set(found.images[0].pictures) == {"explanation", "overlays", "members"}
    for path in found.images[0].pictures.values():
        grey = np.asarray(Image.open(path).convert("L"))
        assert grey.shape[0] > 300
        assert len(np.unique(grey)) > 50


def test_the_best_ensemble_gives_the_members_where_none_is_named(copied, image, tmp_path):
    assert explain(copied, "tiny", [image], members=True, out=tmp_path).kind == "ensemble"
    with pytest.raises(ValueError, match=r"--members: trial-000. is a single network"):
        explain(copied, "tiny", [image], members=True, network=predict(copied, "tiny", image).attrs["name"])
    with pytest.raises(ValueError, match="no ensemble of two networks or more"):
        explain(copied, "embedded", [image], members=True)


def test_the_same_again_is_read_and_another_name_of_the_file_changes_nothing(copied, image, tmp_path):
    first = explain(copied, "tiny", [image], out=tmp_path / "out").images[0]
    renamed = shutil.copy(image, tmp_path / "Doe^Jane.png")
    again = explain(copied, "tiny", [renamed], out=tmp_path / "out").images[0]
    assert again.explanation == first.explanation
    assert again.explanation.time == first.explanation.time
    known = Ledger(copied, "tiny").explanations()
    assert list(known) == [first.explanation.key]
    assert "Doe" not in str(known)
    assert "Normal-00" not in str(known)
    assert known[first.explanation.key]["content"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert Explanation.from_plain(known[first.explanation.key]) == first.explanation
    other = explain(copied, "tiny", [image], of_class="COVID", method="gradient", out=tmp_path / "out").images[0]
    assert other.explanation.explained_class == "COVID"
    assert len(Ledger(copied, "tiny").explanations()) == 2


def test_what_cannot_be_explained_is_refused_before_anything_is_stored(copied, image, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"bad\.png: the file is empty .*--skip-bad"):
        explain(copied, "tiny", [image, tmp_path / "bad.png"])
    for settings, message in (
        ({"method": "grad_came"}, "Did you mean 'grad_cam'"),
        ({"of_class": "Covid"}, "--class Covid: the network knows no such class.*COVID"),
        ({"network": "trial-0099"}, "no network or ensemble of that name"),
    ):
        with pytest.raises(ValueError, match=message):
            explain(copied, "tiny", [image], **settings)
    assert Ledger(copied, "tiny").explanations() == {}
    found = explain(copied, "tiny", [image, tmp_path / "bad.png"], skip_bad=True, out=tmp_path / "out")
    assert [bool(each.problem) for each in found.images] == [False, True]
    assert found.bad[0].explanation is None


def test_from_python_the_pictures_lie_in_the_sweeps_folder(copied, image, monkeypatch):
    monkeypatch.setattr("orchestrator.sweep.session.bring_up_to_date", lambda storage, name: "")
    found = api.explain("tiny", image, storage=copied, method="cam")
    assert found.out == str(Ledger(copied, "tiny").folder / "explained")
    assert found.to_plain()["images"][0]["explanation"]["method"] == "cam"
