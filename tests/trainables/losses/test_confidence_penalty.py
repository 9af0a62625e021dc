from __future__ import annotations

import math

import pytest
import torch

from trainables.losses import confidence_penalty, cross_entropy
from trainables.losses.confidence_penalty import sigmoid_confidence_penalty
from trainables.losses.multilabel import binary_cross_entropy

TARGETS = torch.tensor([0, 2, 1, 2])
LABELS = torch.tensor([[1.0, 0.0, math.nan], [math.nan, 1.0, 0.3], [0.0, 0.0, 1.0], [math.nan] * 3]).double()


def some_logits() -> torch.Tensor:
    return (2 * torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).requires_grad_()


def test_it_is_the_printed_formula_an_image_at_a_time() -> None:
    wanted = 0.0
    for row, target in zip(some_logits().tolist(), TARGETS.tolist(), strict=True):
        total = sum(math.exp(z) for z in row)
        p = [math.exp(z) / total for z in row]
        wanted += (-math.log(p[target]) + 0.3 * sum(each * math.log(each) for each in p)) / 4
    assert confidence_penalty(some_logits(), TARGETS, beta=0.3).item() == pytest.approx(wanted, abs=1e-12)


def test_with_labels_it_is_the_formula_of_two_outcomes_over_the_known_entries() -> None:
    losses = []
    for row, truth in zip(some_logits().tolist(), LABELS.tolist(), strict=True):
        for z, y in zip(row, truth, strict=True):
            p = 1 / (1 + math.exp(-z))
            entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
            losses.append(-y * math.log(p) - (1 - y) * math.log(1 - p) - 0.3 * entropy)
    known = [each for each in losses if not math.isnan(each)]
    ours = sigmoid_confidence_penalty(some_logits(), LABELS, beta=0.3).item()
    assert ours == pytest.approx(sum(known) / len(known), abs=1e-12)


@pytest.mark.parametrize(("loss", "targets"), [(confidence_penalty, TARGETS), (sigmoid_confidence_penalty, LABELS)])
def test_gradients_agree_with_finite_differences(loss, targets) -> None:
    assert torch.autograd.gradcheck(lambda z: loss(z, targets, beta=0.3), (some_logits(),))


@pytest.mark.parametrize(("loss", "targets"), [(confidence_penalty, TARGETS), (sigmoid_confidence_penalty, LABELS)])
def test_a_certain_network_has_finite_gradients(loss, targets) -> None:
    logits = (1e4 * some_logits()).detach().requires_grad_()
    value = loss(logits, targets, beta=0.3)
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_beta_0_is_cross_entropy() -> None:
    torch.testing.assert_close(
        confidence_penalty(some_logits(), TARGETS, beta=0.0), cross_entropy(some_logits(), TARGETS)
    )
    torch.testing.assert_close(
        sigmoid_confidence_penalty(some_logits(), LABELS, beta=0.0), binary_cross_entropy(some_logits(), LABELS)
    )


def test_it_is_least_where_the_bound_says() -> None:
    even = torch.zeros(4, 3, dtype=torch.float64)
    for beta in (1.0, 5.0):
        value = confidence_penalty(even, TARGETS, beta=beta).item()
        assert value == pytest.approx((1 - beta) * math.log(3))
        assert confidence_penalty(some_logits(), TARGETS, beta=beta).item() > -beta * math.log(3)
