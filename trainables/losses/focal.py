"""The focal loss."""

from __future__ import annotations

import torch
from torch import Tensor


def focal(logits: Tensor, targets: Tensor, *, gamma: float) -> Tensor:
    """Mean over the batch of `(1 - p)^gamma (-log p)`, p the probability of the target (Lin et al. 2017, eq. 4).

    Both factors are taken from the logits in log space: `log p` by a log-softmax, and `log (1 - p)` as the log-sum-exp of
    the other classes, so that neither p = 1 (where `(1 - p)^gamma` has an infinite slope for gamma < 1) nor p = 0 gives
    anything but finite gradients. `gamma = 0` is cross entropy.

    Args:
        logits: [batch, classes], two classes at least.
        targets: [batch], class numbers.
        gamma: 0 or above.
    """
    log_probs = torch.log_softmax(logits, dim=-1)
    log_p = log_probs.gather(1, targets[:, None]).squeeze(1)
    is_target = torch.zeros_like(logits, dtype=torch.bool).scatter(1, targets[:, None], True)
    log_rest = torch.logsumexp(log_probs.masked_fill(is_target, float("-inf")), dim=-1)
    return (torch.exp(gamma * log_rest) * -log_p).mean()
