"""Metrics of labels that do not exclude each other, from `MultiLabelPredictions`.

Members are pooled first. Only entries (an image and a label) whose truth is known count; a label is present where its
target is above one half, and predicted where its probability is. What is not defined is None, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from trainables.metrics.calibration import BINS, ReliabilityCurve, curve_of
from trainables.metrics.classification import Outcomes, macro_f1, mean_defined, precision, rank_auroc, recall
from trainables.multilabel import MultiLabelPredictions

HEADLINE = ("accuracy", "macro_f1", "nll", "brier", "ece", "auroc")


def label_headline(predictions: MultiLabelPredictions, *, bins: int = BINS) -> dict[str, float | None]:
    """The metrics named in `HEADLINE`: cheap enough for every epoch.

    - `accuracy`: share of the known entries that are right; `macro_f1`: mean over the labels.
    - `nll`: mean over the known entries of -y log p - (1 - y) log(1 - p), in nats; `brier`: of (p - y)^2, at most 1.
    - `ece`, `auroc`: means over the labels where they are defined, as paper P2 gives them.
    """
    known = predictions.known()
    scores, targets = predictions.pooled_log_odds(), predictions.targets.double()
    squares = (scores.sigmoid() - targets).square()[known]
    counts = label_outcomes(predictions)
    return {
        "accuracy": _mean(right_labels(predictions).double()[known]),
        "macro_f1": macro_f1(counts) if bool((counts.actual + counts.predicted).any()) else None,
        "nll": _mean(entry_losses(scores, targets)[known]),
        "brier": _mean(squares),
        "ece": mean_defined(label_errors(predictions, bins)),
        "auroc": mean_defined(_by_label(predictions, rank_auroc)),
    }


def evaluate_labels(
    predictions: MultiLabelPredictions, names: Sequence[str], *, bins: int = BINS
) -> dict[str, float | None]:
    """The headline, `auprc` (mean over the labels where it is defined), and by label recall, precision and the curves."""
    counts, areas = label_outcomes(predictions), _by_label(predictions, average_precision)
    result = {**label_headline(predictions, bins=bins), "auprc": mean_defined(areas)}
    by_label = {
        "recall": recall(counts),
        "precision": precision(counts),
        "auroc": _by_label(predictions, rank_auroc),
        "auprc": areas,
        "ece": label_errors(predictions, bins),
    }
    for metric, values in by_label.items():
        result |= {f"{metric}/{name}": value for name, value in zip(names, values, strict=True)}
    return result


def predicted_labels(predictions: MultiLabelPredictions) -> Tensor:
    """[images, labels], whether the pooled probability is above one half."""
    return predictions.pooled_log_odds() > 0


def right_labels(predictions: MultiLabelPredictions) -> Tensor:
    """[images, labels], whether the label is known and predicted right."""
    return (predicted_labels(predictions) == (predictions.targets > 0.5)) & predictions.known()


def label_outcomes(predictions: MultiLabelPredictions) -> Outcomes:
    """Hits, presences and predictions of every label, counted over the images where it is known."""
    known, present = predictions.known(), predictions.targets > 0.5
    predicted = predicted_labels(predictions) & known
    return Outcomes(
        hits=(predicted & present).sum(0).double(),
        actual=present.sum(0).double(),
        predicted=predicted.sum(0).double(),
    )


def entry_losses(log_odds: Tensor, targets: Tensor) -> Tensor:
    """-y log p - (1 - y) log(1 - p) of every entry; NaN where the target is."""
    return functional.softplus(log_odds) - targets * log_odds


def label_errors(predictions: MultiLabelPredictions, bins: int = BINS) -> list[float | None]:
    """Expected calibration error of every label: |share present - mean probability| in bins of its probability."""
    known, targets = predictions.known(), predictions.targets.double()
    probabilities = predictions.pooled_log_odds().sigmoid()
    return [
        curve_of(probabilities[rows, n], targets[rows, n], bins).calibration_error() if bool(rows.any()) else None
        for n, rows in enumerate(known.unbind(1))
    ]


def label_reliability(predictions: MultiLabelPredictions, bins: int = BINS) -> ReliabilityCurve:
    """Share present against probability, over all known entries."""
    known = predictions.known()
    probabilities = predictions.pooled_log_odds().sigmoid()
    return curve_of(probabilities[known], predictions.targets.double()[known], bins, counted="labels")


def average_precision(scores: Tensor, positive: Tensor) -> float | None:
    """Area under the precision-recall curve, the sum of precision times gain in recall over the thresholds.

    Args:
        scores: [images], of which only the order matters; images of equal scores enter together.
        positive: [images], bool.
    """
    present = int(positive.sum())
    if present == 0:
        return None
    _, place = torch.unique(scores, return_inverse=True)
    groups = int(place.max()) + 1
    hits = torch.bincount(place[positive], minlength=groups).flip(0).double()
    sizes = torch.bincount(place, minlength=groups).flip(0).double()
    return float((hits / present * hits.cumsum(0) / sizes.cumsum(0)).sum())


def _by_label(
    predictions: MultiLabelPredictions, measure: Callable[[Tensor, Tensor], float | None]
) -> list[float | None]:
    """A measure of scores and presence, over the images where each label is known."""
    scores, present = predictions.pooled_log_odds(), predictions.targets > 0.5
    return [measure(scores[rows, n], present[rows, n]) for n, rows in enumerate(predictions.known().unbind(1))]


def _mean(values: Tensor) -> float | None:
    return float(values.mean()) if len(values) else None
