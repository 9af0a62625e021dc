"""Every further metric of a final judgement, beside those that each epoch or choice looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainables.metrics.agreement import column_kappa, f1_scores, kappa, weighted_f1
from trainables.metrics.calibration import BINS, reliability_of
from trainables.metrics.calibration_errors import (
    adaptive_error,
    brier_parts,
    class_errors,
    equal_mass_error,
    maximum_error,
)
from trainables.metrics.classification import mean_defined, outcomes
from trainables.metrics.columns import Column, Decisions, columns_of, decisions_of
from trainables.metrics.detection import detection
from trainables.metrics.multilabel import average_precision, label_errors, label_outcomes
from trainables.metrics.selective import area_under_risk, curve_points, excess_area, selective_risks
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.predictions import Predictions

FEW_BINS = 5
"""Bins of the second calibration error; paper P1 gives both."""


def details(predictions: AnyPredictions, names: Sequence[str], *, bins: int = BINS) -> dict[str, float | None]:
    """See docs/metrics.md; what is not defined is None.

    Args:
        predictions: of one network or an ensemble.
        names: of the classes or labels as they stand in metrics' names.
        bins: of every binned number but `ece_5`.
    """
    columns, decisions = columns_of(predictions), decisions_of(predictions)
    if isinstance(predictions, MultiLabelPredictions):
        whole, by_class = _labels(predictions, columns, bins)
    else:
        whole, by_class = _classes(predictions, columns, bins)
    parts = brier_parts(columns, exclusive=isinstance(predictions, Predictions), bins=bins)
    for name in ("reliability", "resolution", "uncertainty", "remainder"):
        whole[f"brier_{name}"] = getattr(parts, name) if parts else None
    whole["ace"] = adaptive_error(columns, bins)
    whole |= selective(decisions)
    return whole | _named(by_class, names)


def selective(decisions: Decisions) -> dict[str, float | None]:
    """`aurc`, `eaurc`, and how well doubt finds wrong decisions: `error_auroc`, `error_fpr95`.

    Doubt is one less the probability of what was decided; `..._entropy` takes the entropy of the prediction.
    """
    risks, wrong = selective_risks(decisions.confidence, decisions.wrong), decisions.wrong
    found = {"aurc": area_under_risk(risks), "eaurc": excess_area(risks, wrong)}
    for doubt, end in ((-decisions.confidence, ""), (decisions.entropy, "_entropy")):
        rates = detection(doubt[wrong], doubt[~wrong])
        found |= {f"error_{name}{end}": value for name, value in rates.items()}
    return found


def selective_curves(predictions: AnyPredictions) -> dict[str, Tensor]:
    """Curves for a figure, 101 points each; empty where nothing is known.

    - `risk_coverage`: share wrong among the surest 0 to 100 % of the decisions, by the probability of what was decided.
    - `referral`: share right among those that remain when the 0 to 100 % of highest entropy are referred to a person.
    """
    decisions = decisions_of(predictions)
    if not len(decisions):
        return {}
    by_entropy = curve_points(selective_risks(-decisions.entropy, decisions.wrong))
    return {
        "risk_coverage": curve_points(selective_risks(decisions.confidence, decisions.wrong)),
        "referral": 1 - by_entropy.flip(0),
    }


def _classes(
    predictions: Predictions, columns: Sequence[Column], bins: int
) -> tuple[dict[str, float | None], dict[str, Sequence[float | None]]]:
    counts, log_probs = outcomes(predictions), predictions.pooled_log_probs()
    top, chosen = log_probs.max(dim=1)
    right = (chosen == predictions.targets).double()
    areas = [average_precision(each.score, each.present) for each in columns]
    errors = class_errors(columns, bins)
    whole = {
        "weighted_f1": weighted_f1(counts),
        "kappa": kappa(counts),
        "auprc": mean_defined(areas),
        "ece_5": reliability_of(log_probs, predictions.targets, FEW_BINS).calibration_error(),
        "ece_equal_mass": equal_mass_error(top.exp(), right, bins),
        "ece_classwise": mean_defined(errors),
        "mce": maximum_error(top.exp(), right, bins),
    }
    return whole, {"f1": f1_scores(counts), "support": _counts(counts.actual), "auprc": areas, "ece": errors}


def _labels(
    predictions: MultiLabelPredictions, columns: Sequence[Column], bins: int
) -> tuple[dict[str, float | None], dict[str, Sequence[float | None]]]:
    counts = label_outcomes(predictions)
    worst = [maximum_error(each.probability, each.truth, bins) for each in columns]
    whole = {
        "weighted_f1": weighted_f1(counts),
        "kappa": mean_defined([column_kappa(each, each.score > 0) for each in columns]),
        "ece_5": mean_defined(label_errors(predictions, FEW_BINS)),
        "ece_equal_mass": mean_defined([equal_mass_error(each.probability, each.truth, bins) for each in columns]),
        "mce": mean_defined(worst),
    }
    return whole, {"f1": f1_scores(counts), "support": _support(columns)}


def _support(columns: Sequence[Column]) -> list[float | None]:
    return [float(each.present.sum()) if len(each) else None for each in columns]


def _counts(sizes: Tensor) -> list[float | None]:
    return [float(size) for size in sizes.to(torch.float64)]


def _named(by_class: Mapping[str, Sequence[float | None]], names: Sequence[str]) -> dict[str, float | None]:
    return {
        f"{metric}/{name}": value
        for metric, values in by_class.items()
        for name, value in zip(names, values, strict=True)
    }
