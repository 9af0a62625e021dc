"""Every family of timm networks that the documentation names keeps the promises of `Classifier`."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch

from tests.trainables.models.tiny_images import tiny_images
from trainables.explain import grad_cam
from trainables.fit import Training
from trainables.models import build_model
from trainables.spec import Schedule, Synthetic, Timm, TrialSpec

SIDE, DROPOUT = 64, 0.4
MAPS = {
    "resnet18": (512, 2, 2),
    "resnet50": (2048, 2, 2),
    "densenet121": (1024, 2, 2),
    "convnext_atto": (320, 2, 2),
    "efficientnet_b0": (1280, 2, 2),
    "vit_tiny_patch16_224": (192, 4, 4),
    "vgg16": (512, 2, 2),
    "resnet101": (2048, 2, 2),
    "densenet201": (1920, 2, 2),
    "vgg19": (512, 2, 2),
}
BIG = ("resnet50", "densenet201", "resnet101", "vgg16", "vgg19")
FAMILIES = [pytest.param(name, marks=[pytest.mark.slow] if name in BIG else []) for name in MAPS]


@functools.lru_cache(maxsize=1)
def trained(name: str) -> Training:
    """A training of the head alone, built once for all tests of a network: they stand side by side."""
    spec = TrialSpec(
        data=Synthetic(),
        model=Timm(name=name, dropout=DROPOUT, channels=3, frozen="backbone"),
        schedule=Schedule(epochs=1, batch_size=4),
    )
    return Training(spec, tiny_images(side=SIDE))


def pytest_generate_tests(metafunc: Any) -> None:
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES, scope="module")


def test_logits_are_the_head_of_the_pooled_map_and_those_of_timm(family: str) -> None:
    classifier, images = trained(family).classifier.eval(), torch.rand(2, 1, SIDE, SIDE)
    with torch.no_grad():
        feature_map = classifier.feature_map(images)
        assert feature_map.shape == (2, *MAPS[family])
        features = classifier.features(images)
        torch.testing.assert_close(classifier(images), classifier.head(features))
        timms = classifier.backbone.network((images.repeat(1, 3, 1, 1) - 0.5) / 0.25)  # type: ignore[operator, union-attr]
        torch.testing.assert_close(features, timms)
        if classifier.global_average:
            torch.testing.assert_close(features, feature_map.mean((2, 3)), rtol=1e-4, atol=1e-5)
    assert classifier.global_average == (not family.startswith(("vgg", "convnext")))


def test_grad_cam_gives_finite_maps_on_the_cells_of_the_feature_map(family: str) -> None:
    maps = grad_cam(trained(family).classifier, torch.rand(2, 1, SIDE, SIDE))
    assert maps.shape == (2, 3, *MAPS[family][1:])
    assert torch.isfinite(maps).all()
    assert (maps > 0).any()


def test_dropout_acts_in_training_alone_though_the_backbone_is_frozen(family: str) -> None:
    classifier, images = trained(family).classifier, torch.rand(2, 1, SIDE, SIDE)
    with torch.no_grad():
        feature_map = classifier.eval().feature_map(images)
        still = [classifier.logits_of(feature_map) for _ in range(2)]
        assert torch.equal(*still)
        assert torch.equal(classifier.train().feature_map(images), feature_map)
        features = classifier.pooling(feature_map)
    assert (features == 0).float().mean().item() >= DROPOUT * 0.7


def test_an_epoch_changes_the_head_and_nothing_else(family: str) -> None:
    training = trained(family)
    before = {name: tensor.clone() for name, tensor in training.classifier.state_dict().items()}
    training.run_epoch()
    changed = {
        name for name, tensor in training.classifier.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed == {"head.weight", "head.bias"}
    assert sum(len(group["params"]) for group in training.optimizer.param_groups) == 2


@pytest.mark.parametrize("side", [50, 224])
def test_a_vision_transformer_takes_images_of_any_side(side: int) -> None:
    classifier = build_model(Timm(name="vit_tiny_patch16_224"), classes=3, seed=0).eval()
    with torch.no_grad():
        cells = -(-side // 16)
        assert classifier.feature_map(torch.rand(1, 1, side, side)).shape == (1, 192, cells, cells)
        assert torch.isfinite(classifier(torch.rand(1, 1, side, side))).all()
