from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.grad_cam import signed_maps
from trainables.losses import build_multilabel_loss, class_similarity
from trainables.losses.multilabel import (
    LARGEST_WEIGHT,
    binary_cross_entropy,
    positive_weights,
    sigmoid_focal,
    weighted_binary_cross_entropy,
)
from trainables.spec import (
    AucMargin,
    ClassDistinct,
    ConfidencePenalty,
    CrossEntropy,
    Focal,
    LossSpec,
    WeightedCrossEntropy,
)

NAN = math.nan
TARGETS = torch.tensor([[1.0, 0.0, NAN, 0.0], [NAN, 1.0, NAN, 0.7], [0.0, NAN, NAN, NAN]])
WEIGHTS = torch.tensor([2.0, 0.5, 1.0, 3.0])
SPECS: list[LossSpec] = [
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.1),
    WeightedCrossEntropy(),
    Focal(gamma=0.5),
    Focal(),
    Focal(alpha=0.7),
    ConfidencePenalty(beta=0.2),
    ClassDistinct(lambda_cd=1.4, representation="network"),
    ClassDistinct(lambda_cd=0.0, lambda_sc=1.0, sc_resolution=14),
    ClassDistinct(lambda_cd=1.4),
    AucMargin(),
    AucMargin(pretrain_epochs=1),
]


def literal(logits: Tensor, targets: Tensor, of_entry) -> Tensor:
    """The mean over the known entries, an entry at a time."""
    losses = [
        of_entry(torch.sigmoid(logits[n, c]), targets[n, c], c)
        for n in range(len(logits))
        for c in range(logits.shape[1])
        if not math.isnan(targets[n, c])
    ]
    return torch.stack(losses).mean()


def plain_entry(p: Tensor, y: Tensor, label: int) -> Tensor:
    return -y * p.log() - (1 - y) * (1 - p).log()


def smoothed_entry(p: Tensor, y: Tensor, label: int) -> Tensor:
    return plain_entry(p, 0.8 * y + 0.2 * 0.5, label)


def weighted_entry(p: Tensor, y: Tensor, label: int) -> Tensor:
    return -WEIGHTS[label] * y * p.log() - (1 - y) * (1 - p).log()


def focal_entry(p: Tensor, y: Tensor, label: int) -> Tensor:
    return -y * (1 - p) ** 2 * p.log() - (1 - y) * p**2 * (1 - p).log()


def balanced_focal_entry(p: Tensor, y: Tensor, label: int) -> Tensor:
    return -0.8 * y * (1 - p) ** 2 * p.log() - 0.2 * (1 - y) * p**2 * (1 - p).log()


@pytest.mark.parametrize(
    ("loss", "of_entry"),
    [
        (binary_cross_entropy, plain_entry),
        (lambda z, y: binary_cross_entropy(z, y, label_smoothing=0.2), smoothed_entry),
        (lambda z, y: weighted_binary_cross_entropy(z, y, weights=WEIGHTS), weighted_entry),
        (lambda z, y: sigmoid_focal(z, y, gamma=2.0), focal_entry),
        (lambda z, y: sigmoid_focal(z, y, gamma=2.0, alpha=0.8), balanced_focal_entry),
    ],
)
def test_values_and_gradients_are_those_of_the_literal_loop_over_known_entries(loss, of_entry) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (2 * torch.randn(3, 4, generator=generator, dtype=torch.float64)).requires_grad_()
    value, wanted = loss(logits, TARGETS.double()), literal(logits, TARGETS.double(), of_entry)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-10)
    (gradient,), (literally,) = torch.autograd.grad(value, logits), torch.autograd.grad(wanted, logits)
    torch.testing.assert_close(gradient, literally)
    assert torch.equal(gradient[TARGETS.isnan()], torch.zeros(6, dtype=torch.float64))


def test_focal_with_gamma_0_is_binary_cross_entropy() -> None:
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(sigmoid_focal(logits, TARGETS, gamma=0.0), binary_cross_entropy(logits, TARGETS))


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_have_finite_gradients(size: float, gamma: float) -> None:
    logits = torch.full((3, 4), size, requires_grad=True)
    sigmoid_focal(logits, TARGETS, gamma=gamma).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("spec", [each for each in SPECS if not isinstance(each, ClassDistinct)], ids=str)
def test_a_batch_without_any_known_label_has_loss_and_gradient_zero(spec: LossSpec) -> None:
    classifier, images = small_classifier(), some_images(3)
    loss, _ = build_multilabel_loss(spec, targets=TARGETS)(classifier, images, torch.full((3, 4), NAN))
    loss.backward()
    assert loss.item() == 0
    assert all(bool((each.grad == 0).all()) for each in classifier.parameters() if each.grad is not None)
    assert classifier.head.weight.grad is not None


def test_a_label_weighs_by_its_negatives_over_its_positives_within_bounds() -> None:
    targets = torch.zeros(1000, 5)
    targets[:250, 0] = 1.0
    targets[0, 1] = 1.0
    targets[:, 3] = 1.0
    targets[:500, 4], targets[500:, 4] = NAN, 0.8
    weights = positive_weights(targets)
    assert weights.tolist() == pytest.approx([3.0, LARGEST_WEIGHT, 1.0, 1.0, 0.25])


def test_class_distinct_is_the_weighted_loss_and_the_similarity_of_the_maps_of_present_labels() -> None:
    classifier, images = small_classifier(double=True), some_images(3, double=True)
    targets = TARGETS.double()
    loss, logits = build_multilabel_loss(ClassDistinct(lambda_cd=1.4), targets=targets)(classifier, images, targets)
    feature_map = classifier.feature_map(images)
    maps = signed_maps(classifier.logits_of(feature_map), feature_map)
    wanted = weighted_binary_cross_entropy(logits, targets, weights=positive_weights(targets))
    wanted = wanted + 1.4 * class_similarity(maps[:, [0, 1, 3]])  # nobody knows an image with label 2
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-9)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_loss_returns_the_logits_in_float32_from_one_pass_of_the_images(spec: LossSpec) -> None:
    classifier, images = small_classifier(), some_images(3)
    passes: list[int] = []
    handle = classifier.backbone.register_forward_hook(lambda *each: passes.append(len(each[-1])))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, logits = build_multilabel_loss(spec, targets=TARGETS)(classifier, images, TARGETS)
    handle.remove()
    loss.backward()
    assert passes == ([3, 3 * 3] if getattr(spec, "representation", "maps") == "network" else [3])
    assert torch.isfinite(loss)
    assert loss.dtype == logits.dtype == torch.float32
