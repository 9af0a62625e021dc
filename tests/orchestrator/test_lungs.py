"""A sweep over a data set with lung masks, from the U-Net to images from elsewhere."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from safetensors.torch import load_file

from orchestrator.audit import audit
from orchestrator.deletion import Deletion
from orchestrator.executors.inline import InlineExecutor
from orchestrator.external.localise import localise_against
from orchestrator.external.predict import predict
from orchestrator.network import StoredNetwork
from orchestrator.results import result_rows
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Launch, run_sweep
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from tests.trainables.drawn_lungs import lung_mask, write
from trainables.data.prepare import DataSource
from trainables.spec import (
    Aopc,
    CovidRadiography,
    Evaluation,
    Lungs,
    LungSegmentation,
    Optimizer,
    Schedule,
    SmallCNN,
    Split,
    Stage,
    Synthetic,
    TrialSpec,
)

SEGMENTATION = LungSegmentation(widths=(4, 8, 16), epochs=3, size=32, learning_rate=1e-2, batch_size=8)
MASKED = Lungs(how="mask", segmentation=SEGMENTATION)
SHORT = Schedule(epochs=2, batch_size=16)


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """The image alone, masked, beside its map; the last one in two stages."""
    plain = TrialSpec(
        data=CovidRadiography(size=32),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(4, 8)),
        optimizer=Optimizer(learning_rate=1e-2),
        schedule=SHORT,
    )
    how = trial.suggest_categorical("lungs", ["none", "mask", "channel"])
    if how == "none":
        return plain
    stage = Stage(schedule=SHORT) if how == "channel" else None
    return replace(plain, lungs=Lungs(how=how, segmentation=SEGMENTATION), first_stage=stage)


SWEEP = Sweep(
    name="tiny",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    trials=3,
    scheduler=None,
    member_seeds=0,
    posthoc=(Evaluation(), Aopc(cells=4, images=6)),
)


def start(storage: Path, data: Path | None, sweep: Sweep = SWEEP, *, retry_failed: bool = False) -> bool:
    source = DataSource(root=data, patients=data.parent / "patients.csv" if data else None)
    launch = Launch(sweep=sweep, overrides=Overrides(), name="tiny", storage=storage, source=source)
    launch = replace(launch, retry_failed=retry_failed)
    return run_sweep(launch, InlineExecutor()).finished


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    threads, folder = torch.get_num_threads(), tmp_path_factory.mktemp("lungs")
    assert start(folder / "runs", write(folder, images=64))
    torch.set_num_threads(threads)
    return folder / "runs"


def test_one_u_net_serves_all_trials_and_travels_in_their_weights(storage: Path) -> None:
    store, rows = Store(storage), Ledger(storage, "tiny").rows()
    (lungs,) = store.keys("lungs")
    assert [row.lungs_key for row in rows] == ["", lungs, lungs]
    trained = load_file(store.folder(lungs) / "weights.safetensors")
    for row in rows[1:]:
        weights = load_file(store.folder(row.key) / "weights.safetensors")
        inside = {name: each for name, each in weights.items() if name.startswith("backbone.lungs.")}
        assert {name.removeprefix("backbone.lungs."): each for name, each in inside.items()}.keys() == trained.keys()
        assert all(torch.equal(each, trained[name.removeprefix("backbone.lungs.")]) for name, each in inside.items())
        assert store.manifest(row.key).meta["lungs"]["key"] == lungs


def test_a_stored_network_predicts_as_it_did(storage: Path) -> None:
    for row in Ledger(storage, "tiny").rows():
        network = StoredNetwork(Store(storage), row.key)
        pixels = torch.from_numpy(network.images("test").pixels[:])[:, None].float() / 255
        with torch.no_grad():
            torch.testing.assert_close(network.classifier()(pixels), network.predictions("test").logits[0])


def test_the_overlap_with_masks_stands_in_the_results(storage: Path) -> None:
    plain, masked, _ = result_rows(Store(storage), Ledger(storage, "tiny"))
    assert not [name for name in plain.metrics if name.startswith("lungs/")]
    assert 0 < (masked.metrics["lungs/val/dice"] or 0) <= 1
    assert "lungs/test/iou" in masked.metrics
    assert "aopc/test/aopc" in masked.metrics
    assert any("in-sample" in remark for remark in masked.remarks)


def test_maps_are_scored_by_the_relevance_inside_the_lungs(storage: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = next(row for row in result_rows(store, ledger) if row.metrics.get("aopc/test/inside_lungs") is not None)
    assert 0 < row.metrics["aopc/test/lungs_share"] < 1
    assert 0 <= row.metrics["aopc/test/inside_lungs"] <= 1
    network = StoredNetwork(store, row.key)
    images, masks = network.images("test"), network.lung_masks("test")
    name = images.image_ids[0]
    assert np.array_equal(masks[0], lung_mask(int(name.rsplit("-", 1)[1].removesuffix(".png")), 32))


def test_a_folder_of_masks_scores_maps_and_names_what_it_lacks(storage: Path, tmp_path: Path) -> None:
    found = localise_against(storage, "tiny", storage.parent / "COVID-19_Radiography_Dataset")
    assert (
        0
        < found["scored_images"]
        <= found["masked_images"]
        == len(StoredNetwork(Store(storage), Ledger(storage, "tiny").rows()[0].key).images("test"))
    )
    assert 0 <= found["metrics"]["test/energy_inside"] <= 1
    with pytest.raises(ValueError, match="none is called like"):
        localise_against(storage, "tiny", tmp_path)


def test_images_from_elsewhere_need_no_mask(storage: Path, tmp_path: Path) -> None:
    folder = write(tmp_path, images=8, masks=False, seed=7)
    for name in ("trial-0001", "trial-0002"):
        assert len(predict(storage, "tiny", folder, network=name)) == 8


def test_nothing_was_made_twice_and_a_sweep_goes_with_its_u_net(storage: Path) -> None:
    ledger = Ledger(storage, "tiny")
    found = audit(Store(storage), ledger, None)
    assert found.ok, found.to_json()
    (lungs,) = Store(storage).keys("lungs")
    assert lungs in Deletion(storage, ledger).keys


def test_a_u_net_that_is_gone_is_made_again_and_is_the_same(storage: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert start(again, write(tmp_path, images=64))
    keys = [row.key for row in Ledger(storage, "tiny").rows()]
    assert [row.key for row in Ledger(again, "tiny").rows()] == keys
    (lungs,) = Store(again).keys("lungs")
    first = load_file(Store(storage).folder(lungs) / "weights.safetensors")
    assert all(
        torch.equal(first[name], each)
        for name, each in load_file(Store(again).folder(lungs) / "weights.safetensors").items()
    )


def test_a_u_net_that_failed_is_told_and_trained_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, storage = write(tmp_path, images=64), tmp_path / "runs"
    masked = replace(SWEEP, space=lambda trial: replace(space(trial), lungs=MASKED, first_stage=None), trials=1)
    with monkeypatch.context() as patched:
        patched.setattr("trainables.segmentation.overlap", lambda *_: (_ for _ in ()).throw(FloatingPointError("nan")))
        start(storage, data, masked)
        (row, *_) = Ledger(storage, "tiny").rows()
        assert row.state == "failed"
        assert "In the lung segmentation: FloatingPointError: nan" in row.reason
        assert not Store(storage).exists(row.lungs_key)
    assert start(storage, data, masked, retry_failed=True)
    (row, *_) = Ledger(storage, "tiny").rows()
    assert row.state == "completed"
    assert audit(Store(storage), Ledger(storage, "tiny"), None).ok


def test_data_without_masks_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    bare = write(tmp_path, images=16, masks=False)
    with pytest.raises(ValueError, match=r"16 of 16 images have none.*lungs=none"):
        start(tmp_path / "runs", bare)
    drawn = replace(SWEEP, space=lambda trial: replace(space(trial), data=Synthetic(images=64, size=32)))
    with pytest.raises(ValueError, match="'synthetic' images have none"):
        start(tmp_path / "runs", None, drawn)
    assert not (tmp_path / "runs" / "sweeps" / "tiny" / "sweep.json").exists()
    assert not Store(tmp_path / "runs").keys("images")


def test_the_patients_of_drawn_lungs_are_known(tmp_path: Path) -> None:
    folder = write(tmp_path, images=8)
    rows = list(csv.DictReader((tmp_path / "patients.csv").open()))
    assert all((folder / row["path"]).is_file() for row in rows)
    assert len({row["patient"] for row in rows}) == 4
