"""Metrics of classifiers, all from predictions: members pooled in log space, double precision, nothing but torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from trainables.metrics.calibration import (
    BINS,
    ReliabilityCurve,
    brier,
    negative_log_likelihood,
    reliability_of,
)
from trainables.metrics.classification import (
    Outcomes,
    accuracy,
    auroc,
    macro_f1,
    mean_defined,
    outcomes,
    precision,
    predicted_classes,
    recall,
    right_and_known,
)
from trainables.metrics.detail import details, selective_curves
from trainables.metrics.multilabel import (
    evaluate_labels,
    label_headline,
    label_outcomes,
    label_reliability,
    predicted_labels,
    right_labels,
)
from trainables.metrics.uncertainty import disagreement, mutual_information, predictive_entropy
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.predictions import Predictions

__all__ = [
    "BINS",
    "HEADLINE",
    "ReliabilityCurve",
    "class_names",
    "disagreement",
    "evaluate",
    "evaluate_fully",
    "evaluate_splits",
    "headline",
    "mean_defined",
    "mutual_information",
    "negative_log_likelihood",
    "predicted_classes",
    "predicted_labels",
    "predictive_entropy",
    "prefixed",
    "recalls",
    "reliability",
    "right_and_known",
    "right_of_known",
    "selective_curves",
]

HEADLINE = ("accuracy", "macro_f1", "nll", "brier", "ece")


def headline(predictions: AnyPredictions, *, bins: int = BINS) -> dict[str, float | None]:
    """The metrics named in `HEADLINE`, of labels also `auroc`: cheap enough for every epoch.

    None of them is None for classes; of labels it may be, where too few are known (see `label_headline`).
    """
    if isinstance(predictions, MultiLabelPredictions):
        return label_headline(predictions, bins=bins)
    return {**_headline(predictions, predictions.pooled_log_probs(), outcomes(predictions), bins)}


def evaluate(predictions: AnyPredictions, classes: Sequence[str], *, bins: int = BINS) -> dict[str, float | None]:
    """The headline, `auroc` (mean over the classes where it is defined) and recall, precision and AUROC by class.

    Of labels also the area under the precision-recall curve and the calibration error by label.

    Args:
        predictions: of one network or an ensemble.
        classes: names in the order of the logits; they stand in the metrics' names (`recall/<class>`).
        bins: equal-width bins of the calibration error.

    Raises:
        ValueError: another number of names than of classes.
    """
    names, columns = class_names(classes), predictions.logits.shape[2]
    if len(names) != columns:
        raise ValueError(
            f"evaluate() got {len(names)} class names for predictions of {columns} classes. Pass one a class."
        )
    if isinstance(predictions, MultiLabelPredictions):
        return evaluate_labels(predictions, names, bins=bins)
    log_probs, counts = predictions.pooled_log_probs(), outcomes(predictions)
    areas = auroc(log_probs, predictions.targets)
    result: dict[str, float | None] = {**_headline(predictions, log_probs, counts, bins), "auroc": mean_defined(areas)}
    for metric, values in (("recall", recall(counts)), ("precision", precision(counts)), ("auroc", areas)):
        result |= {f"{metric}/{name}": value for name, value in zip(names, values, strict=True)}
    return result


def evaluate_fully(predictions: AnyPredictions, classes: Sequence[str], *, bins: int = BINS) -> dict[str, float | None]:
    """`evaluate`, and everything else that docs/metrics.md names: what a final judgement is made from."""
    found = evaluate(predictions, classes, bins=bins)
    return found | details(predictions, class_names(classes), bins=bins)


def recalls(predictions: AnyPredictions) -> list[float | None]:
    """Recall of every class or label; None where the split has none of it."""
    if isinstance(predictions, MultiLabelPredictions):
        return recall(label_outcomes(predictions))
    return recall(outcomes(predictions))


def reliability(predictions: AnyPredictions, bins: int = BINS) -> ReliabilityCurve:
    """Accuracy against confidence of the pooled prediction, for a reliability diagram.

    Of labels the share present against the probability, over all entries that are known.

    Raises:
        ValueError: fewer bins than one.
    """
    if isinstance(predictions, MultiLabelPredictions):
        return label_reliability(predictions, bins)
    return reliability_of(predictions.pooled_log_probs(), predictions.targets, bins)


def right_of_known(predictions: AnyPredictions) -> tuple[Tensor, Tensor]:
    """How much of every image is predicted right, and how much of its truth is known: [images] each.

    Of a class 0 or 1, and 1; of labels how many.
    """
    if isinstance(predictions, MultiLabelPredictions):
        return right_labels(predictions).sum(1), predictions.known().sum(1)
    right = predictions.pooled_log_probs().argmax(1) == predictions.targets
    return right, torch.ones_like(right, dtype=torch.int64)


def evaluate_splits(predictions: Iterable[AnyPredictions], classes: Sequence[str]) -> dict[str, float | None]:
    """`evaluate` of several splits, of test `evaluate_fully`, named `split/metric`."""
    result: dict[str, float | None] = {}
    for each in predictions:
        judge = evaluate_fully if each.split == "test" else evaluate
        result |= prefixed(each.split, judge(each, classes))
    return result


def prefixed(prefix: str, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """The same metrics as `prefix/name`."""
    return {f"{prefix}/{name}": value for name, value in metrics.items()}


def class_names(classes: Sequence[str]) -> list[str]:
    """Class names as they may stand in a metric's name: MLflow takes alphanumerics and `_ - . space : /`.

    Anything else becomes `_`; names that fall together by that get their number, so that no metric is lost.
    """
    clean = [re.sub(r"[^0-9A-Za-z_\-. :/]", "_", name) or "_" for name in classes]
    return [f"{name}_{n}" if clean.count(name) > 1 else name for n, name in enumerate(clean)]


def _headline(predictions: Predictions, log_probs: Tensor, counts: Outcomes, bins: int) -> dict[str, float]:
    targets = predictions.targets
    return {
        "accuracy": accuracy(counts),
        "macro_f1": macro_f1(counts),
        "nll": negative_log_likelihood(log_probs, targets),
        "brier": brier(log_probs, targets),
        "ece": reliability_of(log_probs, targets, bins).calibration_error(),
    }
