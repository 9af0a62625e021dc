"""Every method on every family of networks that it is for."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from tests.trainables.explain.networks import some_images
from trainables.explain.grad_cam import upsample
from trainables.explain.methods import METHODS, require_method, saliency_maps
from trainables.models import Classifier, build_model
from trainables.spec import ModelSpec, PaperCNN, SmallCNN, Timm

SIDE = 64
FAMILIES: dict[str, ModelSpec] = {
    "small_cnn": SmallCNN(widths=(8, 16, 16)),
    "p0": PaperCNN(name="p0"),
    "resnet": Timm(name="test_resnet"),
    "densenet": Timm(name="densenet121"),
    "vgg": Timm(name="vgg11"),
    "vit": Timm(name="test_vit"),
}
REFUSED = {
    ("cam", "vgg"),
    ("guided_backprop", "vit"),
    ("attentive", "vit"),
    ("lrp", "resnet"),
    ("lrp", "densenet"),
    ("lrp", "vit"),
}
SLOW, QUICK = ("densenet", "vgg"), ("grad_cam", "cam")
CASES = [
    pytest.param(method, family, marks=[pytest.mark.slow] if family in SLOW and method not in QUICK else [])
    for family in FAMILIES
    for method in METHODS
]


@functools.lru_cache(maxsize=1)
def network(family: str) -> Classifier:
    return build_model(FAMILIES[family], classes=3, seed=0, size=SIDE).eval()


def maps(family: str, method: str, images: Tensor, seed: int = 0, of: int = 1) -> Tensor:
    return saliency_maps(network(family), images, torch.full((len(images),), of), method, seed=seed)


@pytest.mark.parametrize(("method", "family"), CASES)
def test_maps_are_finite_repeatable_and_the_network_is_left_as_it_was(method: str, family: str) -> None:
    classifier, images = network(family), some_images(2, side=SIDE)
    if (method, family) in REFUSED:
        with pytest.raises(ValueError, match=f"{method} cannot explain this network: .*Take "):
            require_method(method, classifier)
        return
    classifier.train()
    modes = [part.training for part in classifier.modules()]
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    found = maps(family, method, images)
    assert found.shape[0] == 2
    assert torch.isfinite(found).all()
    assert (found >= 0).all()
    assert any(maps(family, method, images, of=c).amax() > 0 for c in range(3))  # a class may have nothing for it
    assert upsample(found[:, None], (SIDE, SIDE)).shape == (2, 1, SIDE, SIDE)
    assert torch.equal(maps(family, method, images), found)
    assert [part.training for part in classifier.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in classifier.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in classifier.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_an_image_has_the_same_map_alone_and_another_one_for_another_class(method: str) -> None:
    images = some_images(2, side=SIDE)
    together = maps("small_cnn", method, images)
    alone = maps("small_cnn", method, images[:1])
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-6)
    other = saliency_maps(network("small_cnn"), images[:1], torch.tensor([0]), method)
    assert torch.allclose(other, alone, rtol=1e-3, atol=0) != METHODS[method].of_a_class


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_matters_to_those_methods_only_that_say_so(method: str) -> None:
    images = some_images(1, side=SIDE)
    same = torch.equal(maps("small_cnn", method, images, seed=1), maps("small_cnn", method, images, seed=2))
    assert same == METHODS[method].deterministic
