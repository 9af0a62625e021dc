from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.losses import build_loss_for
from trainables.losses.auc_margin import AucMarginLoss, auc_margin, positive_shares
from trainables.losses.multilabel import binary_cross_entropy
from trainables.spec import AucMargin

NAN = math.nan
TARGETS = torch.tensor([[1, 0, NAN], [0, NAN, NAN], [1, 1, NAN], [0, 0.3, NAN], [0, 0, NAN]], dtype=torch.float64)


def settings(labels: int = 3) -> dict[str, Tensor]:
    """p, a, b and alpha of some labels."""
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.rand(labels, dtype=torch.float64, generator=generator) for name in ("shares", "a", "b", "alpha")
    }


def some_scores() -> Tensor:
    return torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def printed(h, y, *, p: float, a: float, b: float, alpha: float, m: float) -> float:
    """The formula in NumPy, as libauc's `AUCMLoss` (v1, with its p given) writes it down."""
    positive, negative = (y == 1).astype(float), (y == 0).astype(float)
    return float(
        (1 - p) * np.mean((h - a) ** 2 * positive)
        + p * np.mean((h - b) ** 2 * negative)
        + 2 * alpha * (p * (1 - p) * m + np.mean(p * h * negative - (1 - p) * h * positive))
        - p * (1 - p) * alpha**2
    )


# The first two were computed by hand from the formula (libauc itself is not installed where this was written):
# 0.01625 + 0.0125 + 0.15 - 0.04, and 0.016875 + 0.008125 - 0.0025 - 0.0075.
@pytest.mark.parametrize(
    ("h", "y", "numbers", "recorded"),
    [
        ([0.9, 0.6, 0.4, 0.2], [1, 0, 1, 0], {"p": 0.5, "a": 0.7, "b": 0.3, "alpha": 0.4, "m": 1.0}, 0.13875),
        ([0.8, 0.3, 0.1, 0.4], [1, 0, 0, 0], {"p": 0.25, "a": 0.5, "b": 0.1, "alpha": 0.2, "m": 0.5}, 0.015),
        ([0.8, 0.3, 0.1], [0, 0, 0], {"p": 0.1, "a": 0.5, "b": 0.2, "alpha": 0.3, "m": 1.0}, None),
    ],
)
def test_it_is_the_printed_formula_and_the_recorded_number(h, y, numbers, recorded) -> None:
    names = {"p": "shares", "a": "a", "b": "b", "alpha": "alpha"}
    given = {
        names[name]: torch.tensor([value], dtype=torch.float64) for name, value in numbers.items() if name in names
    }
    scores, targets = torch.tensor(h, dtype=torch.float64)[:, None], torch.tensor(y, dtype=torch.float64)[:, None]
    ours = auc_margin(scores, targets, margin=numbers["m"], **given).item()
    wanted = printed(np.array(h), np.array(y), **numbers)
    assert ours == pytest.approx(wanted, abs=1e-12)
    if recorded is not None:
        assert wanted == pytest.approx(recorded, abs=1e-12)


def test_labels_add_up_and_entries_that_nobody_knows_are_as_if_they_were_not_there() -> None:
    scores, numbers = some_scores().detach(), settings()
    together = auc_margin(scores, TARGETS, margin=1.0, **numbers).item()
    wanted = 0.0
    for label in (0, 1):
        known = ~TARGETS[:, label].isnan()
        one = {name: value[label : label + 1] for name, value in numbers.items()}
        alone = auc_margin(scores[known][:, [label]], TARGETS[known][:, [label]], margin=1.0, **one)
        wanted += alone.item()
    assert together == pytest.approx(wanted, abs=1e-12)


def test_gradients_agree_with_finite_differences_in_scores_and_variables() -> None:
    numbers = settings()
    variables = tuple(numbers[name].requires_grad_() for name in ("a", "b", "alpha"))

    def value(scores: Tensor, a: Tensor, b: Tensor, alpha: Tensor) -> Tensor:
        return auc_margin(scores, TARGETS, shares=numbers["shares"], a=a, b=b, alpha=alpha, margin=0.8)

    assert torch.autograd.gradcheck(value, (some_scores(), *variables))


def test_at_its_saddle_point_it_is_the_spread_and_the_missing_margin() -> None:
    """There a and b are the mean scores, alpha the missing margin, and the value the square surrogate of the AUC."""
    scores = torch.tensor([0.9, 0.5, 0.4, 0.3, 0.1], dtype=torch.float64)
    targets = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    positive, negative = scores[:2], scores[2:]
    missing = 1.0 - (positive.mean() - negative.mean())
    ours = auc_margin(
        scores[:, None],
        targets[:, None],
        shares=torch.tensor([0.4], dtype=torch.float64),
        a=positive.mean()[None],
        b=negative.mean()[None],
        alpha=missing[None],
        margin=1.0,
    )
    pairs = (1.0 - (positive[:, None] - negative[None])).square().mean()
    assert ours.item() == pytest.approx(0.4 * 0.6 * pairs.item(), abs=1e-12)


def test_a_label_with_one_outcome_only_and_a_batch_without_truth_count_nothing() -> None:
    numbers, scores = settings(), some_scores()
    numbers["shares"] = torch.tensor([0.0, 1.0, 0.5]).double()
    one_sided = torch.tensor([[0.0, 1.0, NAN]]).double().expand(5, 3)
    loss = auc_margin(scores, one_sided, margin=1.0, **numbers)
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert scores.grad.abs().max() == 0


def test_shares_are_those_of_what_is_drawn_among_the_known() -> None:
    targets = torch.tensor([[1.0, NAN, NAN], [0.0, 1.0, NAN], [0.0, 0.5, NAN]])
    assert positive_shares(targets, torch.ones(3)).tolist() == pytest.approx([1 / 3, 0.75, 0.0])
    assert positive_shares(targets, torch.tensor([2.0, 1.0, 1.0])).tolist() == pytest.approx([0.5, 0.75, 0.0])
    loss = build_loss_for(AucMargin(), torch.tensor([0, 0, 0, 1]), 3, drawn=torch.tensor([1.0, 1.0, 1.0, 3.0]))
    assert isinstance(loss, AucMarginLoss)
    assert loss.shares.tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_first_epochs_are_cross_entropy_and_the_later_ones_are_not(exclusive: bool) -> None:
    classifier, images = small_classifier(), some_images(4)
    targets = torch.tensor([0, 1, 2, 3]) if exclusive else torch.eye(4)
    loss = build_loss_for(AucMargin(pretrain_epochs=2), targets, 4)
    assert isinstance(loss, AucMarginLoss)
    plain = (functional.cross_entropy if exclusive else binary_cross_entropy)(classifier(images), targets)
    for epoch in (0, 1):
        loss.begin_epoch(epoch)
        assert torch.allclose(loss(classifier, images, targets)[0], plain)
    loss.begin_epoch(2)
    value, logits = loss(classifier, images, targets)
    scores = torch.softmax(logits, 1) if exclusive else torch.sigmoid(logits)
    zeros = {name: torch.zeros(4) for name in ("a", "b", "alpha")}
    wanted = auc_margin(scores, torch.eye(4), shares=torch.full((4,), 0.25), margin=1.0, **zeros)
    assert torch.allclose(value, wanted)


@pytest.mark.parametrize("exclusive", [True, False])
def test_logits_that_are_not_finite_show(exclusive: bool) -> None:
    classifier = small_classifier()
    with torch.no_grad():
        classifier.head.bias[1] = NAN
    targets = torch.tensor([0, 1, 2, 3]) if exclusive else torch.eye(4)
    assert build_loss_for(AucMargin(), targets, 4)(classifier, some_images(4), targets)[0].isnan()
