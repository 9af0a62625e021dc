"""Telling two groups of images apart by one score: wrong from right predictions, foreign images from known ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainables.metrics.classification import rank_auroc

TRUE_POSITIVE_RATE = 0.95


def detection(sought: Tensor, others: Tensor) -> dict[str, float | None]:
    """How well a score finds what is sought: `auroc` and `fpr95` (Hendrycks and Gimpel 2017); None where a group is empty.

    Args:
        sought: [images], scores of what is to be found, such as foreign images; larger means found.
        others: [images], scores of all others.
    """
    scores = torch.cat([sought, others])
    found = torch.zeros(len(scores), dtype=torch.bool)
    found[: len(sought)] = True
    return {"auroc": rank_auroc(scores, found), "fpr95": false_positive_rate(sought, others)}


def false_positive_rate(sought: Tensor, others: Tensor, true_positive_rate: float = TRUE_POSITIVE_RATE) -> float | None:
    """Share of the others at or above the largest threshold that finds that share of what is sought."""
    if not len(sought) or not len(others):
        return None
    wanted = max(1, math.ceil(true_positive_rate * len(sought) - 1e-9))
    threshold = sought.sort(descending=True).values[wanted - 1]
    return float((others >= threshold).double().mean())
