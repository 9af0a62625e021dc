"""Intervals of the metrics of each class or label, and of calibration errors at other numbers of bins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.metrics.bootstrap import RESAMPLES, Interval, intervals_of
from trainables.metrics.classification import predicted_classes
from trainables.metrics.columns import columns_of
from trainables.metrics.weighted import weighted_auroc, weighted_headline
from trainables.multilabel import AnyPredictions, MultiLabelPredictions

OTHER_BINS = (5,)


def class_intervals(
    predictions: AnyPredictions,
    names: Sequence[str],
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """`auroc/<class>`, and where one class is true `recall/`, `precision/` and `f1/<class>`; `macro_recall`, `ece_5`.

    Args:
        predictions: of one network or an ensemble.
        names: of the classes or labels.
        groups: [images], what is drawn together.
        resamples: how often.
        seed: of the draws; the same as that of the headline gives the same draws.
    """
    columns = columns_of(predictions)

    def measure(weights: Tensor) -> dict[str, Tensor]:
        found = {
            f"auroc/{name}": weighted_auroc(each.score, each.present, weights[:, each.rows])
            for name, each in zip(names, columns, strict=True)
        }
        for bins in OTHER_BINS:
            found[f"ece_{bins}"] = weighted_headline(predictions, weights, bins)["ece"]
        if isinstance(predictions, MultiLabelPredictions):
            return found
        return found | _outcomes(predictions.targets, predicted_classes(predictions), names, weights)

    return intervals_of(measure, predictions, groups, resamples, seed)


def _outcomes(targets: Tensor, predicted: Tensor, names: Sequence[str], weights: Tensor) -> dict[str, Tensor]:
    truth, said = (torch.nn.functional.one_hot(each, len(names)).double() for each in (targets, predicted))
    hits, actual, claimed = weights @ (truth * said), weights @ truth, weights @ said
    parts = {"recall": hits / actual, "precision": hits / claimed, "f1": 2 * hits / (actual + claimed)}
    found = {f"{metric}/{name}": values[:, n] for metric, values in parts.items() for n, name in enumerate(names)}
    return found | {"macro_recall": parts["recall"].nanmean(1), "macro_precision": parts["precision"].nanmean(1)}
