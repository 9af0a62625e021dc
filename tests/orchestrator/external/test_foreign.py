import json

import numpy as np
import pytest
import sklearn.metrics as reference
from click.testing import CliRunner
from PIL import Image

from orchestrator.cli import cli
from orchestrator.external.foreign import detect
from orchestrator.external.passes import classifier_of
from orchestrator.network import StoredNetwork
from orchestrator.storage.store import Store
from trainables.data.any_folder import decode_some, find_images
from trainables.metrics import predictive_entropy
from trainables.predict import logits_of
from trainables.predictions import Predictions


@pytest.fixture
def noise(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "noise"
    (folder / "deeper").mkdir(parents=True)
    for n in range(12):
        place = folder / "deeper" if n % 2 else folder
        Image.fromarray(random.integers(0, 256, (40, 50)).astype(np.uint8)).save(place / f"{n}.png")
    return folder


def test_foreign_images_are_found_as_a_slow_comparison_says(storage, noise):
    found = detect(storage, "tiny", noise)
    best, store = found.rows[0], Store(storage)
    network, images = StoredNetwork(store, best.key), find_images(noise)
    logits, _ = logits_of(classifier_of(store, best.key), np.stack(decode_some(noise, images.names, network.size)))
    own = network.predictions("test")
    foreign = Predictions(logits=logits, targets=own.targets[:1].repeat(12), image_ids=images.names, split="any")
    scores = [*predictive_entropy(foreign).tolist(), *predictive_entropy(own).tolist()]
    area = reference.roc_auc_score([1] * 12 + [0] * len(own), scores)
    assert best.metrics["uncalibrated/ood_auroc_entropy"] == pytest.approx(area)
    assert (found.images, found.own_images) == (12, len(own))
    assert best.kind == "trial"
    assert "uncalibrated/ood_auroc_mutual_information" not in best.metrics
    pooled = [row for row in found.rows if row.kind == "ensemble"]
    assert pooled
    for row in pooled:
        assert 0 <= row.metrics["uncalibrated/ood_auroc_mutual_information"] <= 1
        assert 0 <= row.metrics["temperature/ood_fpr95_confidence"] <= 1


def test_images_that_cannot_be_read_are_an_error_or_left_out(storage, noise):
    (noise / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.png"):
        detect(storage, "tiny", noise)
    found = detect(storage, "tiny", noise, on_bad_image="skip")
    assert found.images == 12
    assert len(found.left_out) == 1


def test_the_command_tells_a_table_or_json_and_refuses_labels(storage, noise):
    command = ["evaluate", "tiny", "--data", str(noise), "--ood", "--quiet", "--storage", str(storage)]
    told = CliRunner().invoke(cli, command, standalone_mode=False)
    assert "12 foreign images" in told.output
    plain = json.loads(CliRunner().invoke(cli, [*command, "--json"], standalone_mode=False).stdout)
    assert plain["rows"][0]["metrics"]["uncalibrated/ood_auroc_entropy"] is not None
    refused = CliRunner().invoke(cli, [*command, "--map", "a=b"], standalone_mode=False)
    assert "leave out --map and --patients" in str(refused.exception or refused.output)
