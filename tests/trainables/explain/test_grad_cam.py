from __future__ import annotations

import warnings
from typing import Literal

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain import grad_cam, signed_maps, upsample
from trainables.explain.grad_cam import in_eval_mode

Pooling = Literal["average", "maximum", "dense"]
POOLINGS: list[Pooling] = ["average", "maximum", "dense"]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_maps_of_all_classes_are_those_of_captum(pooling: Pooling) -> None:
    classifier, images = small_classifier(pooling=pooling), some_images(5)
    maps = grad_cam(classifier, images)
    captum = LayerGradCam(classifier, classifier.backbone)
    for c in range(4):
        wanted = captum.attribute(images, target=c, relu_attributions=True)
        assert torch.allclose(maps[:, c], wanted.detach()[:, 0], atol=1e-5)
    assert (maps > 0).any()
    assert maps.shape == (5, 4, 4, 4)


def test_after_global_average_pooling_the_weights_are_those_of_the_head() -> None:
    classifier, images = small_classifier(), some_images(3)
    feature_map = classifier.feature_map(images)
    wanted = torch.einsum("kc,bcij->bkij", classifier.head.weight / 16, feature_map)
    assert torch.allclose(signed_maps(classifier.logits_of(feature_map), feature_map), wanted, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_class_falls_back_to_a_slow_loop(pooling: Pooling) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad_cam(small_classifier(pooling=pooling), some_images(2))


def test_an_image_has_the_same_map_whatever_its_batch() -> None:
    classifier, images = small_classifier(pooling="dense"), some_images(6)
    alone = torch.cat([grad_cam(classifier, images[n : n + 1]) for n in range(6)])
    assert torch.allclose(grad_cam(classifier, images), alone, atol=1e-6)


def test_a_network_in_training_is_explained_in_eval_mode_and_left_as_it_was() -> None:
    classifier, images = small_classifier(dropout=0.5), some_images(4)
    wanted = grad_cam(classifier, images)
    classifier.train()
    classifier.backbone[1].eval()  # type: ignore[index, union-attr]  # a frozen norm stays frozen
    modes = [part.training for part in classifier.modules()]
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    assert torch.equal(grad_cam(classifier, images), wanted)
    assert [part.training for part in classifier.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


def test_nothing_is_left_behind_in_the_network() -> None:
    classifier = small_classifier()
    maps = grad_cam(classifier, some_images(2))
    assert not maps.requires_grad
    assert all(parameter.grad is None for parameter in classifier.parameters())
    for part in classifier.modules():
        hooks = [*part._forward_hooks, *part._forward_pre_hooks, *part._backward_hooks]
        assert not hooks


def test_it_works_under_no_grad_and_inference_mode() -> None:
    classifier, images = small_classifier(), some_images(2)
    wanted = grad_cam(classifier, images)
    with torch.no_grad():
        assert torch.equal(grad_cam(classifier, images), wanted)
    with torch.inference_mode():
        assert torch.equal(grad_cam(classifier, images.clone()), wanted)


def test_the_mode_is_restored_after_an_error() -> None:
    layer = nn.Dropout()

    def fail() -> None:
        with in_eval_mode(layer):
            assert not layer.training
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        fail()
    assert layer.training


def test_upsampling_keeps_a_constant_and_puts_the_peak_where_it_was() -> None:
    assert torch.allclose(upsample(torch.full((1, 1, 4, 4), 2.0), (32, 32)), torch.full((1, 1, 32, 32), 2.0))
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 2, 1] = 1.0
    peak = int(upsample(maps, (32, 32)).argmax())
    assert (peak // 32 // 8, peak % 32 // 8) == (2, 1)
