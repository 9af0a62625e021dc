"""Losses of a sigmoid a label, over the entries (an image and a label) whose truth is known.

A loss is the mean over the known entries of the batch. A batch without any has loss 0 and gradient 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_WEIGHT = 100.0
"""No label's presence counts more than so often, and none less than the inverse."""


def binary_cross_entropy(logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Mean of `-y log p - (1 - y) log (1 - p)`; smoothing s makes y `(1 - s) y + s / 2`.

    Args:
        logits: [batch, labels].
        targets: [batch, labels], probability that the label is present; NaN where it is left out.
        label_smoothing: s, in [0, 1).
    """
    smoothed = (1 - label_smoothing) * targets + label_smoothing / 2
    return known_mean(targets, functional.softplus(logits) - filled(smoothed) * logits)


def positive_weights(targets: Tensor) -> Tensor:
    """Weight of every label's presence, `negatives / positives`, so that both outcomes of a label weigh the same.

    It is kept between 1 / `LARGEST_WEIGHT` and `LARGEST_WEIGHT`, and 1 for a label without both outcomes.

    Args:
        targets: [images, labels] of the training split; NaN where a label is left out.
    """
    known = ~targets.isnan()
    positives = filled(targets).double().sum(0)
    negatives = known.sum(0) - positives
    weights = (negatives / positives).clamp(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)
    return torch.where((positives > 0) & (negatives > 0), weights, 1.0)


def weighted_binary_cross_entropy(logits: Tensor, targets: Tensor, *, weights: Tensor) -> Tensor:
    """Mean of `-w y log p - (1 - y) log (1 - p)`, w the weight [labels] of a label's presence."""
    truth = filled(targets)
    present, absent = functional.softplus(-logits), functional.softplus(logits)
    return known_mean(targets, weights.to(logits) * truth * present + (1 - truth) * absent)


def sigmoid_focal(logits: Tensor, targets: Tensor, *, gamma: float, alpha: float | None = None) -> Tensor:
    """Mean of `-alpha_t (1 - p_t)^gamma log p_t`, p_t the probability of the true outcome (Lin et al. 2017, eqs 4 and 5).

    `alpha_t` is alpha where the label is present and 1 - alpha where it is absent; 1 for both if left out. Everything is
    taken from the logits in log space, so that gradients are finite everywhere; `gamma = 0` is binary cross entropy. A
    target between 0 and 1 weighs both outcomes.
    """
    truth = filled(targets)
    present, absent = functional.softplus(-logits), functional.softplus(logits)
    of_present = torch.exp(-gamma * absent) * present  # 1 - p = exp(-softplus(z))
    of_absent = torch.exp(-gamma * present) * absent
    if alpha is not None:
        of_present, of_absent = alpha * of_present, (1 - alpha) * of_absent
    return known_mean(targets, truth * of_present + (1 - truth) * of_absent)


def filled(targets: Tensor) -> Tensor:
    """The targets with 0 where they are unknown: a NaN would get into the gradient through a product with 0."""
    return targets.nan_to_num(nan=0.0)


def known_mean(targets: Tensor, losses: Tensor) -> Tensor:
    """Mean of the losses of the entries [batch, labels] whose target is known; 0 if there is none."""
    known = ~targets.isnan()
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp_min(1)
