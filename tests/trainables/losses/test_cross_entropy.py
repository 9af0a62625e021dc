from __future__ import annotations

import math

import pytest
import torch

from trainables.losses import cross_entropy, inverse_frequency_weights, weighted_cross_entropy

LOGITS = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
TARGETS = torch.tensor([0, 1, 2, 2, 1, 0, 2])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_the_mean_negative_log_probability_of_the_smoothed_target(smoothing: float) -> None:
    wanted = 0.0
    for row, target in zip(LOGITS.tolist(), TARGETS.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for number, value in enumerate(row):
            share = (1 - smoothing) * (number == target) + smoothing / 3
            wanted -= share * (value - log_sum) / 7
    assert cross_entropy(LOGITS, TARGETS, label_smoothing=smoothing).item() == pytest.approx(wanted, abs=1e-12)


def test_weights_fall_with_the_frequency_and_their_mean_over_the_images_is_one() -> None:
    counts = torch.tensor([10, 30, 60])
    weights = inverse_frequency_weights(counts)
    assert torch.allclose(weights * counts, torch.full((3,), 100 / 3, dtype=torch.float64))
    assert ((weights * counts).sum() / counts.sum()).item() == pytest.approx(1)


def test_a_class_without_images_has_weight_zero_and_the_mean_weight_stays_one() -> None:
    counts = torch.tensor([10, 0, 30])
    weights = inverse_frequency_weights(counts)
    assert weights[1] == 0
    assert ((weights * counts).sum() / counts.sum()).item() == pytest.approx(1)


def test_no_images_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one class must have images"):
        inverse_frequency_weights(torch.zeros(3))


def test_weighted_cross_entropy_weighs_each_image_whatever_its_neighbours_are() -> None:
    weights = torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64)
    alone = [
        weighted_cross_entropy(LOGITS[n : n + 1], TARGETS[n : n + 1], class_weights=weights).item() for n in range(7)
    ]
    together = weighted_cross_entropy(LOGITS, TARGETS, class_weights=weights).item()
    assert together == pytest.approx(sum(alone) / 7, abs=1e-12)
    by_hand = -torch.log_softmax(LOGITS, 1)[3, TARGETS[3]] * weights[TARGETS[3]]
    assert alone[3] == pytest.approx(by_hand.item(), abs=1e-12)


def test_balanced_classes_make_weighted_cross_entropy_plain() -> None:
    weights = inverse_frequency_weights(torch.tensor([5, 5, 5]))
    weighted = weighted_cross_entropy(LOGITS, TARGETS, class_weights=weights)
    assert torch.allclose(weighted, cross_entropy(LOGITS, TARGETS))
