"""Platt scaling: a logistic regression on the log odds (Platt 1999)."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.metrics.multilabel import entry_losses
from trainables.posthoc.calibrators.interface import Affine

STEPS = 100


def fit_platt(log_odds: Tensor, targets: Tensor) -> Affine:
    """The slope a and intercept b of sigmoid(a z + b), by the likelihood of Platt's targets.

    The n1 entries with the label count as (n1 + 1) / (n1 + 2) of a presence, the n0 without it as 1 / (n0 + 2), so that a
    and b stay finite where z separates them (Platt 1999, section 2.2). Newton's method from the identity.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present, 0 or 1 as a rule.

    Returns:
        The identity where the NLL of the targets themselves would not be lower than before.
    """
    wanted = smoothed(targets)
    centre, scale = log_odds.mean(), log_odds.std().clamp_min(1e-12)
    inputs = torch.stack([(log_odds - centre) / scale, torch.ones_like(log_odds)], dim=1)
    slope, intercept = _newton(inputs, wanted, torch.stack([scale, centre]))
    fitted = Affine(slope=float(slope / scale), intercept=float(intercept - slope * centre / scale))
    return fitted if _nll(fitted(log_odds), targets) < _nll(log_odds, targets) else Affine()


def smoothed(targets: Tensor) -> Tensor:
    """Platt's targets."""
    present = targets.sum()
    absent = len(targets) - present
    return targets * (present + 1) / (present + 2) + (1 - targets) / (absent + 2)


def _newton(inputs: Tensor, targets: Tensor, start: Tensor) -> Tensor:
    """Minimise the mean NLL of sigmoid(inputs @ parameters), a convex function, with steps halved until they lower it."""
    parameters, loss = start, _nll(inputs @ start, targets)
    for _ in range(STEPS):
        probabilities = torch.sigmoid(inputs @ parameters)
        gradient = inputs.T @ (probabilities - targets) / len(targets)
        weights = (probabilities * (1 - probabilities)).clamp_min(1e-12)
        direction = torch.linalg.pinv((inputs * weights[:, None]).T @ inputs / len(targets)) @ gradient
        step = 1.0
        while (lower := _nll(inputs @ (parameters - step * direction), targets)) >= loss and step > 1e-10:
            step /= 2
        if not lower < loss:
            break
        parameters, loss = parameters - step * direction, lower
    return parameters


def _nll(log_odds: Tensor, targets: Tensor) -> float:
    return float(entry_losses(log_odds, targets).mean())
