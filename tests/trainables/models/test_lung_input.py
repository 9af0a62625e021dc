from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.trainables.test_segmentation import SPEC as SEGMENTATION
from tests.trainables.test_segmentation import drawn
from trainables.explain.grad_cam import grad_cam
from trainables.explain.inference import inference_copy
from trainables.fit import Training
from trainables.models import build_model
from trainables.models.unet import build_lung_map
from trainables.spec import (
    CrossEntropy,
    FrozenHead,
    Lungs,
    ModelSpec,
    Optimizer,
    PaperCNN,
    Schedule,
    SmallCNN,
    Synthetic,
    Timm,
    TrialSpec,
    network_key,
    to_plain,
)

MASK, CHANNEL = Lungs(how="mask", segmentation=SEGMENTATION), Lungs(how="channel", segmentation=SEGMENTATION)
SMALL = SmallCNN(widths=(4, 8))
TRIAL = TrialSpec(
    data=Synthetic(images=48, size=32),
    model=SMALL,
    loss=CrossEntropy(),
    optimizer=Optimizer(learning_rate=1e-2),
    schedule=Schedule(epochs=2, batch_size=16, average_decay=0.9),
    lungs=MASK,
)


def first_convolution(module: nn.Module) -> nn.Conv2d:
    return next(part for part in module.modules() if isinstance(part, nn.Conv2d))


@pytest.mark.parametrize(
    "model", [SMALL, PaperCNN(name="p0"), Timm(name="resnet10t"), Timm(name="resnet10t", channels=3)]
)
def test_a_masked_network_is_the_plain_one_on_the_image_times_the_map(model: ModelSpec) -> None:
    plain = build_model(model, classes=3, seed=1, size=32).eval()
    masked = build_model(model, classes=3, seed=1, size=32, lungs=MASK).eval()
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        soft = build_lung_map(SEGMENTATION).eval()(images)
        torch.testing.assert_close(masked(images), plain(images * soft))


@pytest.mark.parametrize("model", [SMALL, Timm(name="resnet10t"), Timm(name="resnet10t", channels=3)])
def test_the_map_as_a_channel_adds_its_own_filters_to_the_first_layer(model: ModelSpec) -> None:
    plain = build_model(model, classes=3, seed=1, size=32).eval()
    beside = build_model(model, classes=3, seed=1, size=32, lungs=CHANNEL).eval()
    images = torch.rand(2, 1, 32, 32)
    first, old = first_convolution(beside.backbone.backbone), first_convolution(plain.backbone)
    assert torch.equal(first.weight[:, :-1], old.weight)
    with torch.no_grad():
        before = beside(images)
        first.weight[:, -1] = 0
        torch.testing.assert_close(beside(images), plain(images))
        assert (before - plain(images)).abs().max() > 1e-6


@pytest.mark.parametrize("model", [FrozenHead(backbone="vgg16"), Timm(name="resnet10t", frozen="layer1")])
def test_a_frozen_first_layer_takes_no_channel(model: ModelSpec) -> None:
    with pytest.raises(ValueError, match="would never learn what the map means"):
        replace(TRIAL, model=model, lungs=CHANNEL)
    replace(TRIAL, model=model, lungs=MASK)


@pytest.mark.parametrize("lungs", [MASK, CHANNEL])
def test_training_changes_the_backbone_and_never_the_u_net(lungs: Lungs) -> None:
    data, _ = drawn()
    weights = build_lung_map(replace(SEGMENTATION, seed=5)).state_dict()
    training = Training(replace(TRIAL, lungs=lungs), data, lungs=dict(weights))
    before = {name: each.clone() for name, each in training.classifier.state_dict().items()}
    training.run_epoch()
    for classifier in (training.classifier, training.evaluated):
        front = classifier.backbone.lungs.state_dict()
        assert all(torch.equal(front[name], each) for name, each in weights.items()), (
            "statistics of batch norm included"
        )
    changed = {name for name, each in training.classifier.state_dict().items() if not torch.equal(before[name], each)}
    assert changed == {name for name in before if "lungs" not in name and "normalisation" not in name}


def test_a_state_continues_without_another_look_at_the_u_net() -> None:
    data, _ = drawn()
    weights = dict(build_lung_map(replace(SEGMENTATION, seed=5)).state_dict())
    through = Training(TRIAL, data, lungs=weights)
    through.run_epoch()
    state = through.state()
    through.run_epoch()
    again = Training(TRIAL, data, lungs={name: torch.zeros_like(each) for name, each in weights.items()})
    again.load(state)
    again.run_epoch()
    for name, each in through.evaluated.state_dict().items():
        assert torch.equal(again.evaluated.state_dict()[name], each), name


def test_a_frozen_backbone_behind_a_map_looks_at_each_image_once() -> None:
    data, _ = drawn(images=32)
    spec = replace(TRIAL, model=Timm(name="resnet10t", frozen="backbone"))
    weights = dict(build_lung_map(SEGMENTATION).state_dict())
    cached = Training(spec, data, lungs=weights)
    plain = Training(spec, data, lungs=weights, cache_features=False)
    assert cached.frozen is not None
    assert cached.run_epoch().metrics == pytest.approx(plain.run_epoch().metrics, abs=1e-5)


def test_training_without_the_weights_of_a_u_net_is_refused() -> None:
    with pytest.raises(ValueError, match="train_lungs"):
        Training(TRIAL, drawn()[0])


@pytest.mark.parametrize("lungs", [MASK, CHANNEL])
def test_explanations_see_a_network_like_any_other(lungs: Lungs) -> None:
    classifier = build_model(Timm(name="resnet18", output_stride=8), classes=3, seed=1, lungs=lungs).eval()
    images = torch.rand(3, 1, 32, 32)
    maps = grad_cam(classifier, images)
    assert maps.shape == (3, 3, 4, 4)
    assert maps.isfinite().all()
    assert classifier.global_average
    faster = inference_copy(classifier, images)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in faster.backbone.modules()), "folded, the U-Net's too"
    with torch.no_grad():
        torch.testing.assert_close(faster(images), classifier(images), atol=1e-4, rtol=1e-4)


def test_a_trial_without_lungs_keeps_its_key_and_every_setting_of_lungs_has_one() -> None:
    assert "lungs" not in to_plain(replace(TRIAL, lungs=None))
    others = [None, MASK, CHANNEL, Lungs(how="mask")]
    assert len({network_key(replace(TRIAL, lungs=each), []) for each in others}) == 4
