"""The headline under weights on the images, for many weightings at once: what a bootstrap is made of.

A resample is how often it drew each image. So no image is ever copied: sums become one matrix product, and the areas under
the curves one sorting and a running sum. Under equal weights every number is that of `trainables.metrics`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.metrics.calibration import BINS
from trainables.metrics.classification import predicted_classes
from trainables.metrics.columns import Column, columns_of
from trainables.metrics.multilabel import entry_losses, right_labels
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.predictions import Predictions


def weighted_headline(predictions: AnyPredictions, weights: Tensor, bins: int = BINS) -> dict[str, Tensor]:
    """Accuracy, macro F1, NLL, Brier score, calibration error and mean AUROC, [weightings] each; NaN where not defined.

    Args:
        predictions: of one network or an ensemble.
        weights: [weightings, images], not negative, in double precision.
        bins: equal-width bins of the calibration error.
    """
    columns = columns_of(predictions)
    if isinstance(predictions, MultiLabelPredictions):
        found = _labels(predictions, columns, weights, bins)
    else:
        found = _classes(predictions, weights, bins)
    areas = [weighted_auroc(each.score, each.present, weights[:, each.rows]) for each in columns]
    return found | {"auroc": torch.stack(areas).nanmean(0)}


def weighted_auroc(scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Area under the ROC curve, [weightings]: the weight of pairs in the right order over that of all pairs, ties half.

    Args:
        scores: [images], of which only the order matters.
        positive: [images], bool.
        weights: [weightings, images].
    """
    order = scores.argsort()
    ordered, is_positive = scores[order], positive[order]
    drawn = weights[:, order]
    sums = torch.zeros(len(weights), len(scores) + 1, dtype=weights.dtype)
    torch.cumsum(drawn * ~is_positive, 1, out=sums[:, 1:])  # of negatives among the n lowest scores
    found = ordered[is_positive]
    first, last = torch.searchsorted(ordered, found), torch.searchsorted(ordered, found, right=True)
    above = drawn[:, is_positive]
    pairs = (above * (sums[:, first] + sums[:, last])).sum(1) / 2
    return pairs / (above.sum(1) * sums[:, -1])


def _classes(predictions: Predictions, weights: Tensor, bins: int) -> dict[str, Tensor]:
    log_probs, targets = predictions.pooled_log_probs(), predictions.targets
    top, chosen = log_probs.max(dim=1)
    right = (chosen == targets).double()
    truth = torch.nn.functional.one_hot(targets, predictions.classes).double()
    predicted = torch.nn.functional.one_hot(predicted_classes(predictions), predictions.classes).double()
    squares = (log_probs.exp() - truth).square().sum(1)
    losses = -log_probs.gather(1, targets[:, None])[:, 0]
    sums = weights @ torch.stack([torch.ones_like(right), right, losses, squares], dim=1)
    total, hits, lost, square = sums.unbind(1)
    return {
        "accuracy": hits / total,
        "macro_f1": _macro_f1(weights @ (truth * predicted), weights @ truth, weights @ predicted),
        "nll": lost / total,
        "brier": square / total,
        "ece": _error(top.exp(), right, weights, bins),
    }


def _labels(predictions: MultiLabelPredictions, columns: list[Column], weights: Tensor, bins: int) -> dict[str, Tensor]:
    known, odds = predictions.known(), predictions.pooled_log_odds()
    targets = predictions.targets.double()
    squares, losses = (odds.sigmoid() - targets).square(), entry_losses(odds, targets)
    entries = (known.double(), right_labels(predictions).double(), losses, squares)
    sums = weights @ torch.stack([each.nan_to_num(0.0).sum(1) for each in entries], dim=1)
    total, right, lost, square = sums.unbind(1)
    present, predicted = (targets > 0.5).double(), ((odds > 0) & known).double()
    errors = [_error(each.probability, each.truth, weights[:, each.rows], bins) for each in columns]
    return {
        "accuracy": right / total,
        "macro_f1": _macro_f1(weights @ (present * predicted), weights @ present, weights @ predicted),
        "nll": lost / total,
        "brier": square / total,
        "ece": torch.stack(errors).nanmean(0),
    }


def _macro_f1(hits: Tensor, actual: Tensor, predicted: Tensor) -> Tensor:
    return (2 * hits / (actual + predicted)).nanmean(1)


def _error(confidence: Tensor, right: Tensor, weights: Tensor, bins: int) -> Tensor:
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    inside = torch.nn.functional.one_hot(torch.bucketize(confidence, edges[1:-1]), bins).double()
    return (weights @ (inside * (right - confidence)[:, None])).abs().sum(1) / weights.sum(1)
