"""Predictions as columns of yes-or-no statements: one a class or label, each a probability and whether it came true.

So that a measure of one statement is written once, and means the same for classes and for labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.multilabel import AnyPredictions, MultiLabelPredictions


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """One class against the rest, over all images, or one label, over the images where it is known.

    Attributes:
        rows: [entries], which images.
        probability: [entries], pooled over members, in double precision.
        truth: [entries], 0 or 1 (a soft target stays what it is), in double precision.
        score: [entries], orders the entries as the probability does, and never rounds to 0 or 1.
    """

    rows: Tensor
    probability: Tensor
    truth: Tensor
    score: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def present(self) -> Tensor:
        """[entries], bool: the target is above one half."""
        return self.truth > 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """What was decided, and whether it was right: an image each, or a known entry of an image and a label each.

    Attributes:
        images: [decisions], which image.
        confidence: [decisions], probability of what was decided, to 12 decimals.
        entropy: [decisions], of the image's or entry's pooled prediction, in nats, to 12 decimals.
        wrong: [decisions], bool.
    """

    images: Tensor
    confidence: Tensor
    entropy: Tensor
    wrong: Tensor

    def __len__(self) -> int:
        return len(self.images)


def columns_of(predictions: AnyPredictions) -> list[Column]:
    """One a class or label, in the order of the logits; of a label that nobody knows, an empty one."""
    if isinstance(predictions, MultiLabelPredictions):
        scores, targets = predictions.pooled_log_odds(), predictions.targets.double()
        rows = [known.nonzero()[:, 0] for known in predictions.known().unbind(1)]
        truths = [targets[row, n] for n, row in enumerate(rows)]
        picked = [scores[row, n] for n, row in enumerate(rows)]
        return [
            Column(rows=row, probability=score.sigmoid(), truth=truth, score=score)
            for row, truth, score in zip(rows, truths, picked, strict=True)
        ]
    log_probs, everything = predictions.pooled_log_probs(), torch.arange(len(predictions))
    return [
        Column(rows=everything, probability=score.exp(), truth=(predictions.targets == n).double(), score=score)
        for n, score in enumerate(log_probs.unbind(1))
    ]


def decisions_of(predictions: AnyPredictions) -> Decisions:
    """Of classes the most probable one of every image; of labels present or absent for every known entry."""
    if isinstance(predictions, MultiLabelPredictions):
        known, odds = predictions.known(), predictions.pooled_log_odds()
        images = known.nonzero()[:, 0]
        sure = odds.abs()[known].sigmoid()
        wrong = ((odds > 0) != (predictions.targets > 0.5))[known]
        rest = (-odds.abs()[known]).sigmoid()
        entropy = -(torch.xlogy(sure, sure) + torch.xlogy(rest, rest))
        return Decisions(images=images, confidence=rounded(sure), entropy=rounded(entropy), wrong=wrong)
    log_probs = predictions.pooled_log_probs()
    top, chosen = log_probs.max(dim=1)
    return Decisions(
        images=torch.arange(len(predictions)),
        confidence=rounded(top.exp()),
        entropy=rounded(-(log_probs.exp() * log_probs).sum(1)),
        wrong=chosen != predictions.targets,
    )


def rounded(values: Tensor) -> Tensor:
    """To 12 decimals: equal logits give probabilities that differ in the last bits with their place in memory."""
    return torch.round(values, decimals=12)
