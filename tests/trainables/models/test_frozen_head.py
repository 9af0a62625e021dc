from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.trainables.models.tiny_images import tiny_images
from trainables.explain import grad_cam
from trainables.fit import Training
from trainables.models import Classifier, build_model
from trainables.spec import FrozenHead, Optimizer, Schedule, Synthetic, TrialSpec


def keras_count(classifier: Classifier) -> int:
    """Parameters and running statistics, as Keras counts."""
    statistics = sum(buffer.numel() for name, buffer in classifier.named_buffers() if ".running_" in name)
    return statistics + sum(parameter.numel() for parameter in classifier.parameters())


@pytest.mark.parametrize(
    ("backbone", "whole", "trainable"),
    [
        pytest.param("vgg16", 14_846_084, 131_396, marks=pytest.mark.slow),
        ("densenet201", 18_813_828, 491_844),
    ],
)
def test_the_networks_of_p3_have_the_papers_counts_and_map(backbone: str, whole: int, trainable: int) -> None:
    classifier = build_model(FrozenHead(backbone=backbone), classes=4, seed=0, size=299).eval()
    learns = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    assert keras_count(classifier) == whole
    assert sum(parameter.numel() for parameter in learns) == trainable
    with torch.no_grad():
        images = torch.rand(1, 1, 299, 299)
        feature_map = classifier.feature_map(images)
        repeated = classifier.backbone((images.repeat(1, 3, 1, 1) - 0.5) / 0.25)
    assert feature_map.shape[-2:] == (9, 9)
    torch.testing.assert_close(feature_map, repeated)
    assert classifier.logits_of(feature_map).shape == (1, 4)


@pytest.mark.parametrize(
    ("spec", "width"),
    [
        (FrozenHead(backbone="test_resnet", pool=2), 64),
        (FrozenHead(backbone="test_resnet", pooling="none", units=(), dropout=0.5), 96 * 9),
        (FrozenHead(backbone="test_resnet", pooling="average", pool=3, units=(32, 16)), 16),
    ],
)
def test_pooling_depth_and_width_of_the_head_are_axes(spec: FrozenHead, width: int) -> None:
    classifier = build_model(spec, classes=3, seed=0, size=96).eval()
    assert classifier.head.in_features == width
    images = torch.rand(2, 1, 96, 96)
    assert torch.isfinite(classifier(images)).all()
    assert grad_cam(classifier, images).shape == (2, 3, 3, 3)
    assert not classifier.global_average


def test_only_the_dense_layers_learn() -> None:
    spec = TrialSpec(
        data=Synthetic(),
        model=FrozenHead(backbone="test_resnet", pool=1, units=(8,)),
        optimizer=Optimizer(learning_rate=0.01),
        schedule=Schedule(epochs=1, batch_size=4),
    )
    training = Training(spec, tiny_images())
    before = {name: tensor.clone() for name, tensor in training.classifier.state_dict().items()}
    training.run_epoch()
    for name, tensor in training.classifier.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.startswith(("backbone", "normalisation")), name


def test_images_of_another_size_are_refused_with_both_sizes() -> None:
    classifier = build_model(FrozenHead(backbone="test_resnet", pool=1), classes=3, seed=0, size=64)
    with pytest.raises(ValueError, match=r"made for images of 64 px.*96 channels of 3 x 3 cells"):
        classifier(torch.rand(1, 1, 96, 96))


def test_a_window_larger_than_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="2 x 2 cells"):
        build_model(FrozenHead(backbone="test_resnet", pool=4), classes=3, seed=0, size=64)


def test_an_unknown_backbone_and_one_without_a_map_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model/backbone is 'vgg_16'.*vgg16"):
        build_model(FrozenHead(backbone="vgg_16"), classes=3, seed=0)
    with pytest.raises(ValueError, match="no map of channels"):
        build_model(FrozenHead(backbone="test_vit"), classes=3, seed=0, size=160)


def test_the_head_of_the_backbone_is_left_out() -> None:
    classifier = build_model(FrozenHead(backbone="test_resnet", pool=1), classes=3, seed=0, size=64)
    network = classifier.backbone.network
    assert isinstance(network.fc, nn.Identity)  # type: ignore[union-attr]
