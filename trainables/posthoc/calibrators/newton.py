"""Newton's method for smooth convex functions of a few hundred parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Objective: TypeAlias = Callable[[Tensor], tuple[float, Tensor, Tensor]]
"""Parameters [p] to value, gradient [p] and Hessian [p, p]."""

STEPS = 100
RIDGE = 1e-10
"""Share of the mean curvature that is added to every direction, for those in which the function is flat."""


def minimise(objective: Objective, start: Tensor) -> Tensor:
    """The smallest value that steps downhill lead to, each halved until it pays (Armijo's rule).

    Args:
        objective: convex, double precision.
        start: [p]; what is returned is never worse.
    """
    parameters = start
    value, gradient, hessian = objective(parameters)
    for _ in range(STEPS):
        ridge = RIDGE * float(hessian.diagonal().mean()) + 1e-300
        factor, failed = torch.linalg.cholesky_ex(hessian + ridge * torch.eye(len(start), dtype=torch.float64))
        if failed:
            break
        direction = torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        promised = float(gradient @ direction)
        if not promised > 1e-15 * max(1.0, abs(value)):
            break
        step, found = 1.0, objective(parameters - direction)
        while not found[0] <= value - 1e-4 * step * promised and step > 1e-12:
            step /= 2
            found = objective(parameters - step * direction)
        if not found[0] < value:
            break
        parameters, (value, gradient, hessian) = parameters - step * direction, found
    return parameters
