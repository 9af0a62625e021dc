"""One map a label, or one a class against all others with the probabilities normalised afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from trainables.posthoc.calibrators.bbq import fit_bbq
from trainables.posthoc.calibrators.histogram import fit_histogram
from trainables.posthoc.calibrators.interface import Affine, LogOddsMap, has_both
from trainables.posthoc.calibrators.isotonic import fit_isotonic
from trainables.posthoc.calibrators.linear import LIGHT, fit_linear
from trainables.posthoc.calibrators.platt import fit_platt
from trainables.posthoc.temperature import entries_temperature
from trainables.predictions import LEAST_LOG_PROB
from trainables.spec import Calibration

Fit: TypeAlias = Callable[[Tensor, Tensor], LogOddsMap]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beta:
    """a log p - b log(1 - p) + c: Dirichlet calibration of two outcomes (Kull et al. 2017).

    Attributes:
        weights: [2], a and b.
        intercept: c.
    """

    weights: Tensor
    intercept: Tensor

    def __call__(self, log_odds: Tensor) -> Tensor:
        """See `LogOddsMap`."""
        present, absent = functional.logsigmoid(log_odds), functional.logsigmoid(-log_odds)
        return self.weights[0] * present - self.weights[1] * absent + self.intercept

    def parameters(self) -> dict[str, Tensor]:
        """`weights` and `intercept`."""
        return {"weights": self.weights, "intercept": self.intercept}


def fit_columns(task: Calibration, log_odds: Tensor, targets: Tensor) -> tuple[LogOddsMap, ...]:
    """A map a column, over its known entries.

    Args:
        task: method and settings.
        log_odds: [images, columns], double precision.
        targets: [images, columns], probability that the label is present, NaN where nobody knows.

    Returns:
        The identity for a column with entries of one outcome only.
    """
    fit, maps = _fit_of(task), []
    for scores, truth in zip(log_odds.unbind(1), targets.double().unbind(1), strict=True):
        known = ~truth.isnan()
        maps.append(fit(scores[known], truth[known]) if has_both(truth[known]) else Affine())
    return tuple(maps)


def one_against_rest(log_probs: Tensor) -> Tensor:
    """Log odds log p_k - log(sum of the others), [images, classes], from log probabilities of the same shape."""
    classes = log_probs.shape[1]
    rest = [torch.logsumexp(log_probs[:, torch.arange(classes) != k], dim=1) for k in range(classes)]
    return log_probs - torch.stack(rest, dim=1)


def mapped(maps: Sequence[LogOddsMap], log_odds: Tensor) -> Tensor:
    """The calibrated log odds, [images, columns], none beyond those of `LEAST_LOG_PROB`."""
    columns = [each(column) for each, column in zip(maps, log_odds.unbind(1), strict=True)]
    return torch.stack(columns, dim=1).clamp(LEAST_LOG_PROB, -LEAST_LOG_PROB)


def normalised(log_odds: Tensor) -> Tensor:
    """Log probabilities of classes whose probabilities against the rest are divided by their sum, [images, classes]."""
    return torch.log_softmax(functional.logsigmoid(log_odds), dim=1).clamp_min(LEAST_LOG_PROB)


def _fit_of(task: Calibration) -> Fit:
    match task.method:
        case "temperature_per_label":
            return lambda log_odds, targets: Affine(slope=1 / entries_temperature(log_odds, targets))
        case "platt":
            return fit_platt
        case "isotonic":
            return fit_isotonic
        case "histogram":
            return lambda log_odds, targets: fit_histogram(log_odds, targets, bins=task.bins, binning=task.binning)
        case "bbq":
            return fit_bbq
        case "dirichlet":
            weight = LIGHT if task.regularisation is None else task.regularisation
            return lambda log_odds, targets: _fit_beta(log_odds, targets, weight)
        case _:
            raise ValueError(f"The method {task.method!r} has no map of a single label.")


def _fit_beta(log_odds: Tensor, targets: Tensor, regularisation: float) -> Beta:
    inputs = torch.stack([functional.logsigmoid(-log_odds), functional.logsigmoid(log_odds)], dim=1)
    fitted = fit_linear(inputs, torch.stack([1 - targets, targets], dim=1), regularisation=regularisation)
    (absent, present), intercepts = (fitted.weights[1] - fitted.weights[0]).unbind(), fitted.intercepts
    return Beta(weights=torch.stack([present, -absent]), intercept=intercepts[1] - intercepts[0])
