"""Vector and matrix scaling (Guo et al. 2017) and Dirichlet calibration (Kull et al. 2019): W z + b before the softmax."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LIGHT = 1e-4
"""Holds slopes near 1 where a flawless split would drive them to infinity."""
GRID = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)
FOLDS = 5
ITERATIONS = 300


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
    """Minimise the NLL of softmax(W z + b) plus a penalty, by L-BFGS from the identity.

    The penalty is ODIR (Kull et al. 2019, section 3.2) with one weight for both of its parts: regularisation * (mean of
    squared off-diagonal weights + mean of squared intercepts), plus `LIGHT` * mean (W_kk - 1)^2. It is 0 at the identity,
    so the NLL of these images never gets worse.

    Args:
        inputs: [images, classes], logits or log probabilities, double precision.
        truth: [images, classes], one-hot or a distribution.
        regularisation: weight of the penalty.
        diagonal: whether off-diagonal weights stay 0 (vector scaling).
    """
    classes = inputs.shape[1]
    scale = float(inputs.std()) or 1.0
    free = torch.eye(classes, dtype=torch.float64) if diagonal else torch.ones(classes, classes, dtype=torch.float64)
    change = torch.zeros(classes, classes, dtype=torch.float64, requires_grad=True)
    intercepts = torch.zeros(classes, dtype=torch.float64, requires_grad=True)

    def weights() -> Tensor:
        return torch.eye(classes, dtype=torch.float64) + free * change / scale

    def objective() -> Tensor:
        return mean_nll(inputs @ weights().T + intercepts, truth) + penalty(weights(), intercepts, regularisation)

    optimiser = torch.optim.LBFGS(
        [change, intercepts],
        max_iter=ITERATIONS,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    before = float(objective().detach())
    optimiser.step(closure)  # type: ignore[no-untyped-call]
    if not float(objective().detach()) < before:
        return identity(classes, regularisation)
    return Linear(weights=weights().detach(), intercepts=intercepts.detach(), regularisation=regularisation)


def identity(classes: int, regularisation: float = 0.0) -> Linear:
    """The map that changes nothing."""
    return Linear(
        weights=torch.eye(classes, dtype=torch.float64),
        intercepts=torch.zeros(classes, dtype=torch.float64),
        regularisation=regularisation,
    )


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


def _left_out_nll(inputs: Tensor, truth: Tensor, folds: Tensor, regularisation: float) -> float:
    total = 0.0
    for fold in folds.unique():
        left_out = folds == fold
        if left_out.all():
            return 0.0  # one image: every weight is as good, and the largest is taken
        fitted = fit_linear(inputs[~left_out], truth[~left_out], regularisation=regularisation)
        total += float(mean_nll(fitted(inputs[left_out]), truth[left_out])) * int(left_out.sum())
    return total
