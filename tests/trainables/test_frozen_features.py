from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainables.models.tiny_images import tiny_images
from trainables import frozen_features
from trainables.checkpoint import TrainingState
from trainables.fit import Training
from trainables.spec import (
    Augmentation,
    ClassDistinct,
    FrozenHead,
    Optimizer,
    Schedule,
    SmallCNN,
    Synthetic,
    Timm,
    TrialSpec,
)

SPEC = TrialSpec(
    data=Synthetic(),
    model=FrozenHead(backbone="test_resnet", pool=2, units=(8,), dropout=0.3),
    optimizer=Optimizer(learning_rate=0.01),
    schedule=Schedule(epochs=3, batch_size=4),
)
CASES = {
    "dense head": SPEC,
    "linear head": replace(SPEC, model=Timm(name="test_resnet", frozen="backbone", channels=3)),
    "linear head with dropout": replace(SPEC, model=Timm(name="test_resnet", frozen="backbone", dropout=0.4)),
    "dropout as a layer": replace(SPEC, model=Timm(name="convnext_atto", frozen="backbone", dropout=0.4)),
    "tokens": replace(SPEC, model=Timm(name="test_vit", frozen="backbone", dropout=0.4)),
    "a loss on maps": replace(SPEC, loss=ClassDistinct()),
    "average": replace(SPEC, schedule=replace(SPEC.schedule, average_decay=0.9)),
    "bfloat16": replace(SPEC, schedule=replace(SPEC.schedule, precision="bfloat16")),
}


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    frozen_features._kept.clear()
    yield
    frozen_features._kept.clear()


def images() -> Any:
    return tiny_images(count=24, side=64)


def watched(training: Training) -> list[int]:
    """Images that pass through the backbone from now on, a number a pass."""
    passes: list[int] = []
    training.classifier.backbone.register_forward_hook(lambda _, inputs, __: passes.append(len(inputs[0])))
    return passes


@pytest.mark.parametrize("name", CASES)
def test_training_from_features_is_training_from_images(name: str) -> None:
    cached, plain = Training(CASES[name], images()), Training(CASES[name], images(), cache_features=False)
    assert cached.frozen is not None
    assert plain.frozen is None
    close = 1e-5 if name != "bfloat16" else 2e-2  # a batch of another size is rounded elsewhere, to 8 bits there
    for _ in range(3):
        ours, theirs = cached.run_epoch().metrics, plain.run_epoch().metrics
        assert ours.keys() == theirs.keys()
        assert ours["val/nll"] == pytest.approx(theirs["val/nll"], abs=close)
        assert ours["train/loss"] == pytest.approx(theirs["train/loss"], abs=close)
    for (key, one), other in zip(
        cached.evaluated.state_dict().items(), plain.evaluated.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=close, msg=key)


def test_the_backbone_sees_each_image_once_however_many_epochs_and_trials_there_are() -> None:
    first = Training(SPEC, images())
    passes = watched(first)
    for _ in range(3):
        first.run_epoch()
    examples = passes.count(1)
    assert sum(passes) - examples == 24
    second = Training(replace(SPEC, model=replace(SPEC.model, units=(16,)), loss=SPEC.loss), images())  # type: ignore[type-var]
    passes = watched(second)
    second.run_epoch()
    assert sum(passes) == len(passes) <= 3


def test_other_weights_and_other_images_are_not_mistaken_for_those_that_are_kept() -> None:
    Training(SPEC, images()).run_epoch()
    other, plain = Training(SPEC.with_seed(1), images()), Training(SPEC.with_seed(1), images(), cache_features=False)
    assert other.run_epoch().metrics["val/nll"] == pytest.approx(plain.run_epoch().metrics["val/nll"], abs=1e-5)
    changed = images()
    changed.pixels.array[:] = 255 - changed.pixels.array
    turned, plain = Training(SPEC, changed), Training(SPEC, changed, cache_features=False)
    assert turned.run_epoch().metrics["val/nll"] == pytest.approx(plain.run_epoch().metrics["val/nll"], abs=1e-5)


def test_a_run_that_was_stopped_and_continued_has_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    whole, first = Training(SPEC, images()), Training(SPEC, images())
    for _ in range(3):
        whole.run_epoch()
    first.run_epoch()
    first.state().save(tmp_path)
    frozen_features._kept.clear()  # another process
    second = Training(SPEC, images())
    second.load(TrainingState.load(tmp_path))
    second.run_epoch()
    second.run_epoch()
    for name, tensor in second.classifier.state_dict().items():
        assert torch.equal(tensor, whole.classifier.state_dict()[name]), name


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, augmentation=Augmentation(flip=True)),
        replace(SPEC, model=Timm(name="test_resnet", frozen="layer3")),
        replace(SPEC, model=SmallCNN(widths=(4,))),
    ],
    ids=["augmented", "frozen in part", "not frozen"],
)
def test_what_changes_from_epoch_to_epoch_is_not_kept(spec: TrialSpec) -> None:
    training = Training(spec, images())
    assert training.frozen is None
    assert math.isfinite(training.run_epoch().metrics["val/nll"])


def test_features_that_would_fill_the_disk_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(frozen_features.shutil, "disk_usage", lambda _: usage)
    assert Training(SPEC, images()).frozen is None


def test_only_the_latest_splits_stay() -> None:
    for seed in range(3):
        Training(SPEC.with_seed(seed), images()).run_epoch()
    assert len(frozen_features._kept) == frozen_features.KEPT
