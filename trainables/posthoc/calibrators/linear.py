"""Vector and matrix scaling (Guo et al. 2017) and Dirichlet calibration (Kull et al. 2019): W z + b before the softmax."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.posthoc.calibrators.newton import minimise

LIGHT = 1e-4
"""Holds slopes near 1 where a flawless split would drive them to infinity."""
GRID = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)
FOLDS = 5
SCALES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""The best of these multiples of the identity is the start: where a softmax says 0 and 1 Newton's method sees no curvature."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """W z + b.

    Attributes:
        weights: [classes, classes]; the identity changes nothing.
        intercepts: [classes].
        regularisation: what it was fitted with.
    """

    weights: Tensor
    intercepts: Tensor
    regularisation: float

    def __call__(self, inputs: Tensor) -> Tensor:
        """[images, classes] to [images, classes]."""
        return inputs @ self.weights.T + self.intercepts


def fit_linear(inputs: Tensor, truth: Tensor, *, regularisation: float, diagonal: bool = False) -> Linear:
    """Minimise the NLL of softmax(W z + b) plus a penalty, by Newton's method from the identity or a part of it.

    The penalty is ODIR (Kull et al. 2019, section 3.2) with one weight for both of its parts: regularisation * (mean of
    squared off-diagonal weights + mean of squared intercepts), plus `LIGHT` * mean (W_kk - 1)^2. It is 0 at the identity,
    so the NLL of these images never gets worse.

    Args:
        inputs: [images, classes], logits or log probabilities, double precision.
        truth: [images, classes], one-hot or a distribution.
        regularisation: weight of the penalty.
        diagonal: whether off-diagonal weights stay 0 (vector scaling).
    """
    objective = _Objective(inputs, truth, regularisation, diagonal)
    start = min((objective.start(scale) for scale in SCALES), key=lambda each: objective(each)[0])
    found = minimise(objective, start)
    weights, intercepts = objective.parameters(found)
    return Linear(weights=weights, intercepts=intercepts, regularisation=regularisation)


def chosen_regularisation(inputs: Tensor, truth: Tensor, image_ids: tuple[str, ...]) -> float:
    """The weight in `GRID` with the smallest NLL on left-out folds of the images; of equals the larger one.

    The folds depend on the images' ids and not on their order.
    """
    images = len(image_ids)
    order = torch.tensor(sorted(range(images), key=image_ids.__getitem__))
    order = order[torch.randperm(images, generator=torch.Generator().manual_seed(0))]
    folds = torch.empty(images, dtype=torch.int64)
    folds[order] = torch.arange(images) % FOLDS
    return min(GRID, key=lambda weight: _left_out_nll(inputs, truth, folds, weight))


def mean_nll(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over images of -sum_k truth_k log p_k."""
    return -(truth * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


def penalty(weights: Tensor, intercepts: Tensor, regularisation: float) -> Tensor:
    """See `fit_linear`."""
    classes = len(intercepts)
    off = weights - torch.diag(weights.diagonal())
    mean_off = off.square().sum() / (classes * (classes - 1))
    slopes = (weights.diagonal() - 1).square().mean()
    return regularisation * (mean_off + intercepts.square().mean()) + LIGHT * slopes


class _Objective:
    """NLL and penalty of the rows of [W - 1, b] in one vector (of vector scaling, the diagonal of W - 1 and then b)."""

    def __init__(self, inputs: Tensor, truth: Tensor, regularisation: float, diagonal: bool) -> None:
        self._truth, self._regularisation, self._diagonal = truth, regularisation, diagonal
        self._classes = truth.shape[1]
        self._inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
        self._start = torch.eye(self._classes, self._classes + 1, dtype=torch.float64)
        self._curvature = self._penalty_curvature()
        places = torch.arange(self._classes * (self._classes + 1)).view(self._classes, -1)
        self._free = torch.cat([places.diagonal(), places[:, -1]]) if diagonal else places.flatten()

    def start(self, scale: float) -> Tensor:
        """A multiple of the identity."""
        return ((scale - 1) * self._start).flatten()[self._free]

    def parameters(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """W and b."""
        rows = self._rows(vector)
        return rows[:, :-1].clone(), rows[:, -1].clone()

    def __call__(self, vector: Tensor) -> tuple[float, Tensor, Tensor]:
        """Value, gradient and Hessian; the NLL's slope in the logits is (p - truth) / images."""
        rows = self._rows(vector)
        logits = self._inputs @ rows.T
        value = mean_nll(logits, self._truth) + penalty(rows[:, :-1], rows[:, -1], self._regularisation)
        probabilities = torch.softmax(logits, dim=1)
        slope = (probabilities - self._truth).T @ self._inputs / len(logits)
        gradient = slope.flatten() + self._curvature * (rows - self._start).flatten()
        return float(value), gradient[self._free], self._hessian(probabilities)

    def _rows(self, vector: Tensor) -> Tensor:
        rows = self._start.flatten().clone()
        rows[self._free] += vector
        return rows.view_as(self._start)

    def _hessian(self, probabilities: Tensor) -> Tensor:
        """Blocks mean((p_k [k = l] - p_k p_l) x x^T), and the penalty's diagonal."""
        classes, width = self._start.shape
        blocks = torch.empty(classes, width, classes, width, dtype=torch.float64)
        for k in range(classes):
            for other in range(k + 1):
                weights = probabilities[:, k] * (float(k == other) - probabilities[:, other]) / len(probabilities)
                blocks[k, :, other, :] = (self._inputs * weights[:, None]).T @ self._inputs
                blocks[other, :, k, :] = blocks[k, :, other, :]
        whole = blocks.view(classes * width, classes * width) + torch.diag(self._curvature)
        return whole[self._free][:, self._free] if self._diagonal else whole

    def _penalty_curvature(self) -> Tensor:
        """Second derivative of the penalty by each entry of [W, b], flattened."""
        classes = self._classes
        off = 2 * self._regularisation / (classes * (classes - 1))
        curvature = torch.full(self._start.shape, off, dtype=torch.float64)
        curvature[:, -1] = 2 * self._regularisation / classes
        curvature.diagonal().fill_(2 * LIGHT / classes)
        return curvature.flatten()


def _left_out_nll(inputs: Tensor, truth: Tensor, folds: Tensor, regularisation: float) -> float:
    total = 0.0
    for fold in torch.unique(folds):
        left_out = folds == fold
        if left_out.all():
            return 0.0  # one image: every weight is as good, and the largest is taken
        fitted = fit_linear(inputs[~left_out], truth[~left_out], regularisation=regularisation)
        total += float(mean_nll(fitted(inputs[left_out]), truth[left_out])) * int(left_out.sum())
    return total
