from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.grad_cam import signed_maps
from trainables.losses import (
    build_multilabel_loss,
    class_distinct,
    class_similarity,
    latent_similarity,
    spatial_coherence,
)
from trainables.models.classifier import Classifier
from trainables.spec import ClassDistinct

TARGETS = torch.tensor([0, 1, 2])
Pooling = Literal["average", "maximum", "dense"]


def _literal_loss(classifier: Classifier, images: Tensor, targets: Tensor, lambda_cd: float) -> Tensor:
    """The formulas as printed: a derivative for each class of each image, a cosine for each pair of classes."""
    feature_map = classifier.feature_map(images)
    logits = classifier.logits_of(feature_map)
    classes = logits.shape[1]
    similarity = torch.zeros((), dtype=logits.dtype)
    for n in range(len(images)):
        maps = []
        for c in range(classes):
            (gradient,) = torch.autograd.grad(logits[n, c], feature_map, create_graph=True)
            weights = gradient[n].mean(dim=(1, 2))
            maps.append(torch.relu((weights[:, None, None] * feature_map[n]).sum(0)).flatten())
        for one in range(classes - 1):
            for other in range(one + 1, classes):
                cosine = functional.cosine_similarity(maps[one], maps[other], dim=0)
                similarity = similarity + cosine * 2 / (classes * (classes - 1))
    return functional.cross_entropy(logits, targets) + lambda_cd * similarity / len(images)


@pytest.mark.parametrize("pooling", ["average", "maximum", "dense"])
def test_loss_and_gradients_are_those_of_the_literal_formula(pooling: Pooling) -> None:
    classifier = small_classifier(pooling=pooling, double=True)
    images = some_images(3, double=True)
    parameters = list(classifier.parameters())
    wanted = _literal_loss(classifier, images, TARGETS, 1.4)
    wanted_gradients = torch.autograd.grad(wanted, parameters)
    loss, logits = class_distinct(classifier, images, TARGETS, lambda_cd=1.4)
    gradients = torch.autograd.grad(loss, parameters)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-10)
    assert torch.allclose(logits, classifier(images))
    for ours, theirs in zip(gradients, wanted_gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("pooling", ["average", "dense"])
def test_gradients_agree_with_finite_differences_in_backbone_and_head(pooling: Pooling) -> None:
    classifier = small_classifier(pooling=pooling, double=True)
    images = some_images(3, double=True)
    for weights in (classifier.backbone[4].weight, classifier.head.weight):  # type: ignore[index, union-attr]
        loss, _ = class_distinct(classifier, images, TARGETS, lambda_cd=1.4)
        (gradient,) = torch.autograd.grad(loss, weights)
        direction = torch.randn(weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weights.add_(direction, alpha=step)
                values.append(class_distinct(classifier, images, TARGETS, lambda_cd=1.4)[0].item())
                weights.add_(direction, alpha=-step)
        assert (values[0] - values[1]) / 2e-6 == pytest.approx((gradient * direction).sum().item(), rel=1e-5)


def test_no_grad_and_inference_mode_give_the_same_number_without_a_graph() -> None:
    classifier, images = small_classifier(), some_images(3)
    wanted, _ = class_distinct(classifier, images, TARGETS, lambda_cd=1.0)
    with torch.no_grad():
        loss, logits = class_distinct(classifier, images, TARGETS, lambda_cd=1.0)
    assert not loss.requires_grad
    assert not logits.requires_grad
    assert torch.allclose(loss, wanted)
    with torch.inference_mode():
        assert torch.allclose(class_distinct(classifier, images, TARGETS, lambda_cd=1.0)[0], wanted)


def test_a_frozen_backbone_still_trains_the_head() -> None:
    classifier = small_classifier()
    classifier.backbone.requires_grad_(False)
    loss, _ = class_distinct(classifier, some_images(3), TARGETS, lambda_cd=1.0)
    loss.backward()
    assert classifier.head.weight.grad is not None
    assert all(parameter.grad is None for parameter in classifier.backbone.parameters())


def test_dropout_is_the_same_in_logits_and_maps() -> None:
    classifier = small_classifier(dropout=0.5).train()
    images = some_images(3)
    torch.manual_seed(7)
    loss, logits = class_distinct(classifier, images, TARGETS, lambda_cd=1.0)
    torch.manual_seed(7)
    wanted = _literal_loss(classifier, images, TARGETS, 1.0)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert logits.shape == (3, 4)


def test_equal_maps_have_similarity_one_and_apart_ones_zero() -> None:
    equal = torch.rand(2, 1, 4, 4).expand(2, 3, 4, 4)
    assert class_similarity(equal).item() == pytest.approx(1)
    apart = torch.zeros(2, 3, 4, 4)
    for c in range(3):
        apart[:, c, c] = 1.0 + c
    assert class_similarity(apart).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30])
def test_maps_without_a_positive_part_or_nearly_so_have_finite_gradients(value: float) -> None:
    maps = torch.full((2, 3, 4, 4), value)
    maps[0, 0] = 1.0
    maps.requires_grad_()
    similarity = class_similarity(maps)
    similarity.backward()
    assert 0 <= similarity.item() < 0.01
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()


def test_a_vanishing_map_has_a_bounded_gradient() -> None:
    maps = torch.full((1, 2, 4, 4), 1.0)
    maps[0, 1] = -1.0
    maps[0, 1, 0, 0] = 1e-9
    maps.requires_grad_()
    class_similarity(maps).backward()
    assert maps.grad is not None
    assert maps.grad.abs().max() < 1e3


def test_a_single_class_has_no_pairs() -> None:
    maps = torch.rand(2, 1, 4, 4, requires_grad=True)
    similarity = class_similarity(maps)
    similarity.backward()
    assert similarity.item() == 0
    assert maps.grad is not None
    assert maps.grad.abs().max() == 0


def test_training_on_it_makes_the_maps_differ() -> None:
    images, targets = some_images(8), torch.arange(8) % 4
    similarities = {}
    for lambda_cd in (0.0, 2.0):
        classifier = small_classifier(seed=3).train()
        optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            loss, logits = class_distinct(classifier, images, targets, lambda_cd=lambda_cd)
            loss.backward()
            optimizer.step()
        total, logits = class_distinct(classifier, images, targets, lambda_cd=1.0)
        similarities[lambda_cd] = total.item() - functional.cross_entropy(logits, targets).item()
    assert similarities[2.0] < 0.8 * similarities[0.0]


WHOLE = {"lambda_cd": 1.4, "representation": "network", "lambda_sc": 0.7, "sc_resolution": 8}


def test_the_whole_loss_is_the_sum_of_its_terms_on_the_maps_of_the_logits() -> None:
    classifier, images = small_classifier(double=True), some_images(3, double=True)
    loss, logits = class_distinct(classifier, images, TARGETS, **WHOLE)  # type: ignore[arg-type]
    feature_map = classifier.feature_map(images)
    maps = signed_maps(classifier.logits_of(feature_map), feature_map, create_graph=True)
    wanted = functional.cross_entropy(logits, TARGETS) + 1.4 * latent_similarity(classifier, maps, (32, 32))
    wanted = wanted + 0.7 * spatial_coherence(maps, resolution=8)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-12)


@pytest.mark.parametrize("lambdas", [(1.4, 0.0), (0.0, 0.7), (1.4, 0.7)])
def test_gradients_of_the_whole_loss_agree_with_finite_differences(lambdas: tuple[float, float]) -> None:
    classifier, images = small_classifier(double=True), some_images(3, double=True)
    settings = WHOLE | {"lambda_cd": lambdas[0], "lambda_sc": lambdas[1]}

    def value() -> Tensor:
        return class_distinct(classifier, images, TARGETS, **settings)[0]  # type: ignore[arg-type]

    for weights in (classifier.backbone[4].weight, classifier.head.weight):  # type: ignore[index, union-attr]
        (gradient,) = torch.autograd.grad(value(), weights)
        direction = torch.randn(weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        values = []
        for step in (1e-7, -1e-7):
            with torch.no_grad():
                weights.add_(direction, alpha=step)
                values.append(value().item())
                weights.add_(direction, alpha=-step)
        assert (values[0] - values[1]) / 2e-7 == pytest.approx((gradient * direction).sum().item(), rel=1e-4)


def test_the_whole_loss_is_the_same_number_without_a_graph_and_trains_the_head_of_a_frozen_backbone() -> None:
    classifier, images = small_classifier(), some_images(3)
    wanted, _ = class_distinct(classifier, images, TARGETS, **WHOLE)  # type: ignore[arg-type]
    with torch.inference_mode():
        loss, _ = class_distinct(classifier, images, TARGETS, **WHOLE)  # type: ignore[arg-type]
    assert not loss.requires_grad
    assert torch.allclose(loss, wanted)
    classifier.backbone.requires_grad_(False)
    class_distinct(classifier, images, TARGETS, **WHOLE)[0].backward()  # type: ignore[arg-type]
    assert classifier.head.weight.grad is not None
    assert all(parameter.grad is None for parameter in classifier.backbone.parameters())


@pytest.mark.parametrize("representation", ["maps", "network"])
def test_labels_that_nobody_has_images_without_any_and_batches_without_truth_are_harmless(
    representation: Literal["maps", "network"],
) -> None:
    spec = ClassDistinct(lambda_cd=1.0, representation=representation, lambda_sc=1.0)
    classifier, images = small_classifier(), some_images(3)
    present = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    for train, batch in (
        (present, torch.zeros(3, 4)),
        (present, torch.full((3, 4), torch.nan)),
        (torch.zeros(3, 4), present),
    ):
        loss, _ = build_multilabel_loss(spec, targets=train)(classifier, images, batch)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(each.grad).all() for each in classifier.parameters() if each.grad is not None)


def test_training_on_coherence_makes_the_maps_coherent() -> None:
    images, targets = some_images(8), torch.arange(8) % 4
    coherence = {}
    for lambda_sc in (0.0, 12.0):
        classifier = small_classifier(seed=3).train()
        optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            loss, _ = class_distinct(classifier, images, targets, lambda_cd=0.0, lambda_sc=lambda_sc)
            loss.backward()
            optimizer.step()
        total, logits = class_distinct(classifier, images, targets, lambda_cd=0.0, lambda_sc=1.0)
        coherence[lambda_sc] = total.item() - functional.cross_entropy(logits, targets).item()
    assert coherence[12.0] < 0.8 * coherence[0.0]
