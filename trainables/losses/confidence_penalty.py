"""Cross entropy that pays for confidence (Pereyra et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainables.losses.multilabel import filled, known_mean


def confidence_penalty(logits: Tensor, targets: Tensor, *, beta: float) -> Tensor:
    """Mean over the batch of `-log p_y - beta H(p)`, `H(p) = -sum_k p_k log p_k` in nats (Pereyra et al. 2017, section 3).

    With K classes it is never below `-beta log K`. `beta = 0` is cross entropy.

    Args:
        logits: [batch, classes].
        targets: [batch], class numbers.
        beta: weight of the entropy, 0 or above.
    """
    log_probs = torch.log_softmax(logits, dim=-1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    return functional.nll_loss(log_probs, targets) - beta * entropy.mean()


def sigmoid_confidence_penalty(logits: Tensor, targets: Tensor, *, beta: float) -> Tensor:
    """The same for a sigmoid a label: binary cross entropy - beta times the entropy of that label's two outcomes.

    It is the mean over the known entries: where nobody knows a label, its confidence costs nothing either.

    Args:
        logits: [batch, labels].
        targets: [batch, labels], probability that the label is present; NaN where it is left out.
        beta: weight of the entropy, 0 or above.
    """
    present, absent = functional.softplus(-logits), functional.softplus(logits)
    entropy = torch.sigmoid(logits) * present + torch.sigmoid(-logits) * absent
    return known_mean(targets, absent - filled(targets) * logits - beta * entropy)
