from __future__ import annotations

import pytest
import torch

from trainables.losses import cross_entropy, focal, inverse_frequency_weights
from trainables.losses.focal import balanced_weights


def _logits(*, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return (scale * torch.randn(6, 4, dtype=torch.float64, generator=generator)).requires_grad_()


TARGETS = torch.tensor([0, 1, 2, 3, 0, 1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_is_its_formula_on_probabilities(gamma: float) -> None:
    logits = _logits()
    p = torch.softmax(logits, 1)[torch.arange(6), TARGETS]
    wanted = ((1 - p) ** gamma * -torch.log(p)).mean()
    assert focal(logits, TARGETS, gamma=gamma).item() == pytest.approx(wanted.item(), abs=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gradients_of_focal_agree_with_finite_differences(gamma: float) -> None:
    assert torch.autograd.gradcheck(lambda logits: focal(logits, TARGETS, gamma=gamma), (_logits(),))


def test_gamma_zero_is_cross_entropy() -> None:
    assert torch.allclose(focal(_logits(), TARGETS, gamma=0.0), cross_entropy(_logits(), TARGETS))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("size", [20.0, 200.0, 1e4])
def test_a_certain_network_right_or_wrong_gives_finite_losses_and_gradients(gamma: float, size: float) -> None:
    logits = torch.tensor([[size, 0, 0, -size], [-size, 0, 0, size]], requires_grad=True)
    loss = focal(logits, torch.tensor([0, 0]), gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0] < -0.1, "a wrong answer is still corrected"
    assert logits.grad[0].abs().max() < 1e-4, "a right one is left alone"


def test_class_weights_multiply_the_loss_of_the_images_of_their_class() -> None:
    weights = torch.tensor([0.5, 2.0, 1.0, 0.0], dtype=torch.float64)
    logits = _logits()
    p = torch.softmax(logits, 1)[torch.arange(6), TARGETS]
    wanted = (weights[TARGETS] * (1 - p) ** 2 * -torch.log(p)).mean()
    assert focal(logits, TARGETS, gamma=2.0, class_weights=weights).item() == pytest.approx(wanted.item(), abs=1e-12)
    assert torch.autograd.gradcheck(lambda z: focal(z, TARGETS, gamma=2.0, class_weights=weights), (_logits(),))


def test_alpha_goes_from_no_weights_to_inverse_frequencies_and_keeps_their_mean_over_the_images() -> None:
    counts = torch.tensor([10, 30, 60, 0])
    assert torch.equal(balanced_weights(counts, 0.0), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(balanced_weights(counts, 1.0), inverse_frequency_weights(counts))
    for alpha in (0.0, 0.25, 1.0):
        assert ((balanced_weights(counts, alpha) * counts).sum() / counts.sum()).item() == pytest.approx(1)
