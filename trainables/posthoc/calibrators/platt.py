"""Platt scaling: a logistic regression on the log odds (Platt 1999)."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.metrics.multilabel import entry_losses
from trainables.posthoc.calibrators.interface import Affine
from trainables.posthoc.calibrators.newton import minimise


def fit_platt(log_odds: Tensor, targets: Tensor) -> Affine:
    """The slope a and intercept b of sigmoid(a z + b), by the likelihood of Platt's targets.

    The n1 entries with the label count as (n1 + 1) / (n1 + 2) of a presence, the n0 without it as 1 / (n0 + 2), so that a
    and b stay finite where z separates them (Platt 1999, section 2.2). Newton's method from the share present, where nothing
    is saturated.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present, 0 or 1 as a rule.

    Returns:
        The identity where the NLL of the targets themselves would not be lower than before.
    """
    wanted, scale = smoothed(targets), log_odds.abs().max().clamp_min(1e-12)
    inputs = torch.stack([log_odds / scale, torch.ones_like(log_odds)], dim=1)

    def objective(parameters: Tensor) -> tuple[float, Tensor, Tensor]:
        scores = inputs @ parameters
        probabilities = torch.sigmoid(scores)
        weights = probabilities * (1 - probabilities) / len(scores)
        gradient = inputs.T @ (probabilities - wanted) / len(scores)
        return _nll(scores, wanted), gradient, (inputs * weights[:, None]).T @ inputs

    start = torch.stack([torch.zeros_like(scale), torch.logit(wanted.mean())])
    slope, intercept = minimise(objective, start).tolist()
    fitted = Affine(slope=slope / float(scale), intercept=intercept)
    return fitted if _nll(fitted(log_odds), targets) < _nll(log_odds, targets) else Affine()


def smoothed(targets: Tensor) -> Tensor:
    """Platt's targets."""
    present = targets.sum()
    absent = len(targets) - present
    return targets * (present + 1) / (present + 2) + (1 - targets) / (absent + 2)


def _nll(log_odds: Tensor, targets: Tensor) -> float:
    return float(entry_losses(log_odds, targets).mean())
