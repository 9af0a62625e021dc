"""Cross entropy, plain, smoothed or weighted by class."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of `-log p_target`, the target mixed with the uniform distribution if smoothed.

    With smoothing s and K classes the target distribution is `(1 - s) one_hot + s / K` (Szegedy et al. 2016).
    """
    return functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)


def inverse_frequency_weights(class_counts: Tensor) -> Tensor:
    """Weight of every class, `w_c = N / (P n_c)`: images over present classes times images of the class.

    The mean weight over the N images is 1, so the learning rate means the same as under plain cross entropy. A class
    without an image has weight 0.

    Raises:
        ValueError: no class has an image, or a count is negative.
    """
    counts = class_counts.double()
    if bool((counts < 0).any()) or not bool((counts > 0).any()):
        raise ValueError(
            f"inverse_frequency_weights() was given the counts {class_counts.tolist()}; at least one class must have "
            "images. Pass the counts of the training split."
        )
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, 0.0)


def weighted_cross_entropy(logits: Tensor, targets: Tensor, *, class_weights: Tensor) -> Tensor:
    """`1/B * sum_i w_{y_i} (-log p_{y_i})` over the B images of the batch.

    It divides by the number of images and not, as torch does, by the weights that happen to be in the batch: an image
    counts the same whatever its neighbours are, and the batch's gradient is an unbiased estimate of the whole's.
    """
    weights = class_weights.to(logits)[targets]
    return (weights * functional.cross_entropy(logits, targets, reduction="none")).mean()
