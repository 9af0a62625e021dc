from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.grad_cam import upsample
from trainables.losses import latent_similarity
from trainables.losses.saliency import intensities
from trainables.models.classifier import Classifier

SIZE = (32, 32)


def some_maps(*, classes: int = 3, seed: int = 0) -> Tensor:
    maps = torch.randn(2, classes, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (maps + 0.2).requires_grad_()


def literal(classifier: Classifier, maps: Tensor) -> Tensor:
    """An image a map, a pass an image, a cosine a pair."""
    classes = maps.shape[1]
    total = torch.zeros((), dtype=maps.dtype)
    for image in maps:
        latents = []
        for each in image:
            shown = upsample(torch.relu(each)[None, None], SIZE)
            latents.append(classifier.feature_map(shown / shown.max()).flatten())
        for one in range(classes - 1):
            for other in range(one + 1, classes):
                cosine = functional.cosine_similarity(latents[one], latents[other], dim=0)
                total = total + cosine * 2 / (classes * (classes - 1))
    return total / len(maps)


def test_value_and_gradients_are_those_of_a_pass_for_each_map() -> None:
    classifier, maps = small_classifier(double=True), some_maps()
    sources = [maps, *classifier.backbone.parameters()]
    wanted = literal(classifier, maps)
    ours = latent_similarity(classifier, maps, SIZE)
    assert 0 < ours.item() < 1
    assert ours.item() == pytest.approx(wanted.item(), rel=1e-9)
    literally = torch.autograd.grad(wanted, sources)
    for one, other in zip(torch.autograd.grad(ours, sources), literally, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-10)


def test_gradients_agree_with_finite_differences() -> None:
    classifier = small_classifier(double=True)
    assert torch.autograd.gradcheck(lambda maps: latent_similarity(classifier, maps, SIZE), (some_maps(classes=2),))


def test_maps_leave_batch_norm_and_the_mode_of_a_network_in_training_as_they_were() -> None:
    classifier = small_classifier(double=True).train()
    statistics = {name: each.clone() for name, each in classifier.named_buffers()}
    value = latent_similarity(classifier, some_maps(), SIZE)
    assert all(part.training for part in classifier.modules())
    assert all(torch.equal(each, statistics[name]) for name, each in classifier.named_buffers())
    torch.testing.assert_close(value, latent_similarity(classifier.eval(), some_maps(), SIZE))


def test_two_black_maps_are_not_called_alike() -> None:
    classifier = small_classifier(double=True)
    maps = torch.full((1, 2, 4, 4), -1.0, dtype=torch.float64, requires_grad=True)
    value = latent_similarity(classifier, maps, SIZE)
    value.backward()
    assert value.item() == 0
    assert maps.grad is not None
    assert maps.grad.abs().max() == 0
    assert all(each.grad is None or each.grad.abs().max() == 0 for each in classifier.parameters())


def test_equal_maps_are_alike_and_a_single_class_has_no_pairs() -> None:
    classifier, one = small_classifier(double=True), some_maps(classes=1)
    assert latent_similarity(classifier, one.expand(2, 3, 4, 4), SIZE).item() == pytest.approx(1)
    assert latent_similarity(classifier, one, SIZE).item() == 0


def test_a_map_that_is_not_finite_shows() -> None:
    for value in (math.nan, math.inf):
        maps = some_maps().detach()
        maps[0, 1, 2, 2] = value
        assert latent_similarity(small_classifier(double=True), maps, SIZE).isnan()


def test_latents_with_a_sign_are_compared_with_it() -> None:
    head = nn.Linear(1, 2)
    classifier = Classifier(backbone=nn.Identity(), pooling=nn.Flatten(), head=head, mean=0.5, deviation=1.0)
    maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    assert latent_similarity(classifier, maps, (1, 2)).item() == pytest.approx(-1)


def test_intensities_reach_1_and_a_nearly_absent_map_stays_dark() -> None:
    maps = torch.tensor([[[[0.2, -3.0], [0.1, 0.0]], [[-1.0, -1.0], [-1.0, 1e-9]]]], requires_grad=True)
    shown = intensities(maps, (2, 2))
    assert shown[0, 0].flatten().tolist() == pytest.approx([1.0, 0.0, 0.5, 0.0])
    assert 0 < shown[0, 1].max().item() < 1e-5
    shown.sum().backward()
    assert maps.grad is not None
    assert maps.grad.abs().max() <= 1e3
    assert intensities(some_images(1), (64, 64)).shape == (1, 1, 64, 64)
