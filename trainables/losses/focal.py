"""The focal loss."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.losses.cross_entropy import inverse_frequency_weights


def focal(logits: Tensor, targets: Tensor, *, gamma: float, class_weights: Tensor | None = None) -> Tensor:
    """Mean over the batch of `(1 - p)^gamma (-log p)`, p the probability of the target (Lin et al. 2017, eq. 4).

    Both factors are taken from the logits in log space: `log p` by a log-softmax, and `log (1 - p)` as the log-sum-exp of
    the other classes, so that neither p = 1 (where `(1 - p)^gamma` has an infinite slope for gamma < 1) nor p = 0 gives
    anything but finite gradients. `gamma = 0` is cross entropy.

    Args:
        logits: [batch, classes], two classes at least.
        targets: [batch], class numbers.
        gamma: 0 or above.
        class_weights: [classes], the `alpha_t` that multiplies the loss of an image of class t (eq. 5); 1 if left out.
    """
    log_probs = torch.log_softmax(logits, dim=-1)
    log_p = log_probs.gather(1, targets[:, None]).squeeze(1)
    is_target = torch.zeros_like(logits, dtype=torch.bool).scatter(1, targets[:, None], True)
    log_rest = torch.logsumexp(log_probs.masked_fill(is_target, float("-inf")), dim=-1)
    losses = torch.exp(gamma * log_rest) * -log_p
    return losses.mean() if class_weights is None else (class_weights.to(logits)[targets] * losses).mean()


def balanced_weights(class_counts: Tensor, alpha: float) -> Tensor:
    """Weight of every class, `1 - alpha + alpha w_c`, w_c the inverse class frequency (`inverse_frequency_weights`).

    Lin et al. have two classes and one number, `alpha` for the one and `1 - alpha` for the other, which they tie to the
    inverse class frequency. With more classes that number does not say which class weighs what, so here it says how far
    the weights follow the inverse frequencies. Their mean over the training images is 1 whatever alpha is.
    """
    return 1 - alpha + alpha * inverse_frequency_weights(class_counts)
