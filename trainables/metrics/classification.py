"""How often a classifier is right: accuracy, F1, recall, precision and AUROC, from `Predictions`.

Members are pooled first. A number that is not defined is None, never 0: the recall of a class that has no image, the
precision of a class that was never predicted, the AUROC of a class that every image or no image has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.predictions import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """Images counted by class, each [classes] in double precision.

    Attributes:
        hits: images of the class predicted as such.
        actual: images of the class.
        predicted: images predicted as the class.
    """

    hits: Tensor
    actual: Tensor
    predicted: Tensor


def predicted_classes(predictions: Predictions) -> Tensor:
    """Most probable class of each image, [images]; read from the logits themselves where there is one member."""
    scores = predictions.logits[0] if predictions.members == 1 else predictions.pooled_log_probs()
    return scores.argmax(dim=-1)


def outcomes(predictions: Predictions) -> Outcomes:
    """Count hits, images and predictions of every class."""
    chosen = predicted_classes(predictions)
    right = predictions.targets[chosen == predictions.targets]
    return Outcomes(
        hits=_count(right, predictions.classes),
        actual=_count(predictions.targets, predictions.classes),
        predicted=_count(chosen, predictions.classes),
    )


def right_and_known(logits: Tensor, targets: Tensor) -> tuple[int, int]:
    """How many predictions of a batch are right, and how many there are whose truth is known.

    Args:
        logits: [batch, classes], the most probable class is predicted; or [batch, labels], those above 0 are.
        targets: [batch], class numbers; or [batch, labels], above one half where present, NaN where unknown.
    """
    if targets.ndim == 1:
        return int((logits.argmax(1) == targets).sum()), len(targets)
    known = ~targets.isnan()
    return int((((logits > 0) == (targets > 0.5)) & known).sum()), int(known.sum())


def accuracy(counts: Outcomes) -> float:
    """Share of images whose most probable class is the true one."""
    return float(counts.hits.sum() / counts.actual.sum())


def recall(counts: Outcomes) -> list[float | None]:
    """Share of each class's images that were found."""
    return _ratios(counts.hits, counts.actual)


def precision(counts: Outcomes) -> list[float | None]:
    """Share of each class's predictions that were right."""
    return _ratios(counts.hits, counts.predicted)


def macro_f1(counts: Outcomes) -> float:
    """Mean over classes of F1 = 2 hits / (actual + predicted); classes neither present nor predicted are left out."""
    sizes = counts.actual + counts.predicted
    return float((2 * counts.hits[sizes > 0] / sizes[sizes > 0]).mean())


def auroc(log_probs: Tensor, targets: Tensor) -> list[float | None]:
    """Area under each class's ROC curve, that class against the rest.

    AUROC = (R - m (m + 1) / 2) / (m n), with R the sum of the ranks of the m images of the class among all m + n, tied
    scores sharing their mean rank (Mann and Whitney 1947).

    Args:
        log_probs: [images, classes]; only their order within a class matters.
        targets: [images].
    """
    return [rank_auroc(log_probs[:, n], targets == n) for n in range(log_probs.shape[1])]


def rank_auroc(scores: Tensor, positive: Tensor) -> float | None:
    """Area under one ROC curve; see `auroc`.

    Args:
        scores: [images], of which only the order matters.
        positive: [images], bool.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return None
    _, place, ties = torch.unique(scores, return_inverse=True, return_counts=True)
    last_rank = ties.cumsum(0).double()
    ranks = last_rank - (ties.double() - 1) / 2
    return float((ranks[place][positive].sum() - m * (m + 1) / 2) / (m * n))


def mean_defined(values: list[float | None]) -> float | None:
    """Mean of the values that are defined, None where none is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _count(classes: Tensor, size: int) -> Tensor:
    return torch.bincount(classes, minlength=size).double()


def _ratios(over: Tensor, under: Tensor) -> list[float | None]:
    return [float(a / b) if b > 0 else None for a, b in zip(over, under, strict=True)]
