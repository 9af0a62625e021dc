from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from orchestrator.network import StoredNetwork
from orchestrator.storage.store import Store
from orchestrator.sweep.preparation import Preparation
from orchestrator.trial import TrialJob, TrialRun, stored_reports
from trainables.data.prepare import DataSource
from trainables.metrics import headline
from trainables.spec import (
    FrozenHead,
    ModelSpec,
    Optimizer,
    PaperCNN,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    Timm,
    TrialSpec,
    to_plain,
)

SPEC = TrialSpec(
    data=Synthetic(images=96, size=32, images_per_patient=2),
    split=Split(val=0.2, calib=0.15, test=0.2),
    model=SmallCNN(widths=(4, 8), dropout=0.2),
    optimizer=Optimizer(learning_rate=1e-2),
    schedule=Schedule(epochs=5, batch_size=16),
)


def job(storage: Path, spec: TrialSpec = SPEC) -> TrialJob:
    keys = Preparation(Store(storage), DataSource()).keys(spec)
    return TrialJob(
        name="trial-0000",
        spec=to_plain(spec),
        key=keys.network,
        fit_key=keys.fit,
        data_key=keys.data,
        storage=str(storage),
    )


def finish(run: TrialRun) -> list[int]:
    epochs = []
    while True:
        report = run.step()
        epochs.append(report.epoch)
        if report.finished:
            return epochs


def test_a_finished_trial_leaves_a_network_that_predicts_as_it_did(tmp_path: Path) -> None:
    done = job(tmp_path)
    assert finish(TrialRun(done)) == [1, 2, 3, 4, 5]
    network = StoredNetwork(Store(tmp_path), done.key)
    images, predictions = network.images("test"), network.predictions("test")
    assert predictions.image_ids == images.image_ids
    pixels = torch.from_numpy(images.pixels[:])[:, None].float() / 255
    with torch.no_grad():
        torch.testing.assert_close(network.classifier()(pixels), predictions.logits[0])
        torch.testing.assert_close(network.head()(network.features("test")), predictions.logits[0])


def test_a_complete_network_is_reported_and_not_trained_again(tmp_path: Path) -> None:
    done = job(tmp_path)
    finish(TrialRun(done))
    report = TrialRun(done).step()
    assert report.finished
    assert report.epoch == 5
    assert len(list(Store(tmp_path).attempts(done.key))) == 1


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_a_trial_continues_from_its_last_committed_epoch_with_the_same_bits(tmp_path: Path, stop_after: int) -> None:
    calm, broken = job(tmp_path / "calm"), job(tmp_path / "broken")
    finish(TrialRun(calm))
    first = TrialRun(broken)
    for _ in range(stop_after):
        first.step()
    assert finish(TrialRun(broken)) == list(range(stop_after + 1, 6))
    one, other = (load_file(Store(each.storage).folder(each.key) / "weights.safetensors") for each in (calm, broken))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_two_workers_on_one_trial_agree_on_one_chain(tmp_path: Path) -> None:
    shared = job(tmp_path)
    one, other = TrialRun(shared), TrialRun(shared)
    for _ in range(5):
        first = one.step()
        second = other.step()
        assert second.metrics == first.metrics or second.epoch == first.epoch + 1
    reports = stored_reports(Store(tmp_path), shared.fit_key)
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5]


def test_only_the_last_states_and_the_best_weights_stay_on_disk(tmp_path: Path) -> None:
    done = job(tmp_path)
    finish(TrialRun(done))
    store = Store(tmp_path)
    steps = store.steps(done.fit_key)
    best = stored_reports(store, done.fit_key)[-1].best_epoch
    with_optimizer = [n for n, step in enumerate(steps, 1) if (store.folder(step) / "optimizer.safetensors").exists()]
    with_weights = [n for n, step in enumerate(steps, 1) if (store.folder(step) / "weights.safetensors").exists()]
    assert with_optimizer == [4, 5]
    assert set(with_weights) == {4, 5, best}
    assert all(store.exists(step) for step in steps)


@pytest.mark.parametrize(
    "model",
    [
        Timm(name="test_resnet", weights="w.safetensors"),
        Timm(name="test_resnet", weights="w.safetensors", channels=3, frozen="layer3"),
        FrozenHead(backbone="test_resnet", weights="w.safetensors", pool=1, units=(8,)),
        PaperCNN(name="p1_small"),
    ],
    ids=["one channel", "three channels", "frozen head", "dense"],
)
def test_a_network_comes_back_with_its_own_normalisation_and_for_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ModelSpec
) -> None:
    import timm
    from safetensors.torch import save_file

    monkeypatch.setenv("ORCHESTRATOR_WEIGHTS", str(tmp_path))
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    spec = TrialSpec(
        data=SPEC.data,
        split=SPEC.split,
        model=model,
        schedule=Schedule(epochs=1),
    )
    done = job(tmp_path / "store", spec)
    run = TrialRun(TrialJob(**{**done.to_plain(), "weights_folder": str(tmp_path)}))
    report = run.step()
    network = StoredNetwork(Store(tmp_path / "store"), done.key)
    assert headline(network.predictions("val"))["nll"] == pytest.approx(report.metrics["val/nll"], abs=1e-5)
    pixels = torch.from_numpy(network.images("val").pixels[:])[:, None].float() / 255
    with torch.no_grad():
        torch.testing.assert_close(network.classifier()(pixels), network.predictions("val").logits[0])


def test_other_weights_under_the_same_name_make_another_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_WEIGHTS", str(tmp_path))
    model = FrozenHead(backbone="test_resnet", weights="w.safetensors", pool=1)
    keys = []
    for content in (b"one", b"other"):
        (tmp_path / "w.safetensors").write_bytes(content)
        keys.append(job(tmp_path / "store", TrialSpec(data=SPEC.data, split=SPEC.split, model=model)).key)
    assert keys[0] != keys[1]


def test_an_epoch_whose_files_were_cut_short_is_computed_again(tmp_path: Path) -> None:
    broken, calm = job(tmp_path / "broken"), job(tmp_path / "calm")
    finish(TrialRun(calm))
    run = TrialRun(broken)
    run.step()
    run.step()
    store = Store(tmp_path / "broken")
    (store.folder(f"{broken.fit_key}/epoch-0002") / "weights.safetensors").write_bytes(b"")
    assert finish(TrialRun(broken)) == [2, 3, 4, 5]
    last = [Store(each.storage).manifest(each.key).files["weights.safetensors"] for each in (broken, calm)]
    assert last[0] == last[1]
