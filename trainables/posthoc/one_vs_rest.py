"""Logistic regressions: one over classes, or one a label against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class LabelModel:
    """What train says about one label.

    Attributes:
        regression: None where train lacks one of the outcomes.
        log_odds: log (p + 1/2) / (n + 1/2) of the p images with the label and n without it, for want of a regression.
    """

    regression: Any
    log_odds: float


def fit_labels(rows: NDArray[np.float32], targets: NDArray[Any], strength: float) -> list[LabelModel]:
    """A logistic regression for every label, on the images where it is known; present above one half.

    Args:
        rows: [images, features] of train.
        targets: [images, labels], NaN where a label is left out.
        strength: inverse of the penalty.
    """
    return [_fit_label(rows, column, strength) for column in targets.T]


def label_logits(models: Sequence[LabelModel], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits [images, labels]; of a label without a regression the same for every image."""
    columns = [
        np.full(len(rows), model.log_odds)
        if model.regression is None
        else np.asarray(model.regression.decision_function(rows), dtype=np.float64)
        for model in models
    ]
    return np.stack(columns, axis=1)


def unfitted_remarks(models: Sequence[LabelModel], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for the report about the labels without a regression."""
    without = [name for name, model in zip(names, models, strict=True) if model.regression is None]
    if not without:
        return ()
    return (
        f"The linear model gives every image the same probability of {', '.join(without)}: train lacks images with it or "
        "without it.",
    )


def logistic_regression(rows: NDArray[np.float32], targets: NDArray[Any], strength: float) -> Any:
    """Fit scikit-learn's, multinomial where there are more than two classes."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=200).fit(rows, targets)


def _fit_label(rows: NDArray[np.float32], targets: NDArray[Any], strength: float) -> LabelModel:
    known = ~np.isnan(targets)
    present = targets[known] > 0.5
    positives, negatives = int(present.sum()), int((~present).sum())
    both = positives > 0 and negatives > 0
    return LabelModel(
        regression=logistic_regression(rows[known], present, strength) if both else None,
        log_odds=float(np.log((positives + 0.5) / (negatives + 0.5))),
    )
