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
    return _known_mean(targets, functional.softplus(logits) - _filled(smoothed) * logits)


def positive_weights(targets: Tensor) -> Tensor:
    """Weight of every label's presence, `negatives / positives`, so that both outcomes of a label weigh the same.

    It is kept between 1 / `LARGEST_WEIGHT` and `LARGEST_WEIGHT`, and 1 for a label without both outcomes.

    Args:
        targets: [images, labels] of the training split; NaN where a label is left out.
    """
    known = ~targets.isnan()
    positives = _filled(targets).double().sum(0)
    negatives = known.sum(0) - positives
    weights = (negatives / positives).clamp(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)
    return torch.where((positives > 0) & (negatives > 0), weights, 1.0)


def weighted_binary_cross_entropy(logits: Tensor, targets: Tensor, *, weights: Tensor) -> Tensor:
    """Mean of `-w y log p - (1 - y) log (1 - p)`, w the weight [labels] of a label's presence."""
    truth = _filled(targets)
    present, absent = functional.softplus(-logits), functional.softplus(logits)
    return _known_mean(targets, weights.to(logits) * truth * present + (1 - truth) * absent)


def sigmoid_focal(logits: Tensor, targets: Tensor, *, gamma: float) -> Tensor:
    """Mean of `-(1 - p_t)^gamma log p_t`, p_t the probability of the true outcome (Lin et al. 2017, eq. 4).

    Everything is taken from the logits in log space, so that gradients are finite everywhere; `gamma = 0` is binary cross
    entropy. A target between 0 and 1 weighs both outcomes.
    """
    truth = _filled(targets)
    present, absent = functional.softplus(-logits), functional.softplus(logits)
    of_present = torch.exp(-gamma * absent) * present  # 1 - p = exp(-softplus(z))
    of_absent = torch.exp(-gamma * present) * absent
    return _known_mean(targets, truth * of_present + (1 - truth) * of_absent)


def _filled(targets: Tensor) -> Tensor:
    """The targets with 0 where they are unknown: a NaN would get into the gradient through a product with 0."""
    return targets.nan_to_num(nan=0.0)


def _known_mean(targets: Tensor, losses: Tensor) -> Tensor:
    known = ~targets.isnan()
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp_min(1)
