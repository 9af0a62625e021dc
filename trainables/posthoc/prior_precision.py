"""How sure the prior of a last layer is: by the marginal likelihood, on a grid, or by cross-validation.

All of it in the eigenbasis of the Gauss-Newton matrix, on cached features: a further value of the prior precision costs neither
a pass through the network nor a decomposition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from trainables.metrics.multilabel import entry_losses
from trainables.posthoc.curvature import Structure
from trainables.posthoc.gauss_newton import GaussNewton, gauss_newton
from trainables.posthoc.posterior import ROWS, Posterior, posterior_of, probit_logits
from trainables.spec import Laplace

GRID = tuple(10 ** (-4 + 8 * n / 99) for n in range(100))
COARSE = GRID[::4]
"""Values a parameter of a layer-wise prior: 25 x 25 pairs."""
LEAST, MOST = 1e-8, 1e8
SEED = 0

Precisions = tuple[float, float | None]
"""Prior precision of the weight, and of the bias where it has its own."""


def log_marginal_likelihood(posterior: Posterior, train_nll: float) -> float:
    """Laplace's approximation of log p(train) (MacKay 1992; Immer et al. 2021, equation 4).

    -NLL - 1/2 (sum_p log(1 + values_p / d) + d |theta|^2), of a layer-wise prior the sum over weight and bias of the same.

    Args:
        posterior: with its prior precision d.
        train_nll: the summed NLL of the training images, or of their known labels, in nats.
    """
    penalty = sum(
        float(torch.log1p(values / d).sum()) + d * square_norm for values, square_norm, d in _with_precisions(posterior)
    )
    return -train_nll - 0.5 * penalty


def marginal_likelihood_precision(posterior: Posterior) -> float:
    """The prior precision of the largest marginal likelihood, in [1e-8, 1e8].

    Its derivative by log d is 1/2 (sum_p values_p / (values_p + d) - d |theta|^2), which only falls with d: the maximum
    is the one zero (MacKay's d = gamma / |theta|^2), found by halving an interval.
    """
    return _zero(posterior.curvature.eigenvalues(), _square_norm(posterior.weight) + _square_norm(posterior.bias))


def layerwise_marginal_likelihood_precisions(posterior: Posterior) -> Precisions:
    """The same for weight and bias with a precision each.

    Of `diag` and `kron` the matrix has no entries between weight and bias, so each has an equation of its own: exact, and
    nothing alternates.
    """
    weight, bias = _apart(posterior)
    return _zero(weight, _square_norm(posterior.weight)), _zero(bias, _square_norm(posterior.bias))


def grid_nll(
    posterior: Posterior, features: Tensor, targets: Tensor, grid: Tensor, bias_grid: Tensor | None = None
) -> Tensor:
    """NLL of the probit predictive under every prior precision of a grid, [grid], from one product in the eigenbasis.

    Args:
        posterior: its own prior precision does not matter.
        features: [images, features].
        targets: class numbers [images], or [images, labels] with NaN where a label is unknown; the NLL is the mean over the
            known entries then, and 0 where there is none.
        grid: prior precisions.
        bias_grid: of the bias, for each of the grid, where it has its own.
    """
    return _summed_nll(posterior, features, targets, grid, bias_grid) / max(1, _counted(targets))


def grid_precision(posterior: Posterior, features: Tensor, targets: Tensor) -> float:
    """The prior precision, among 100 from 1e-4 to 1e4 in equal ratios, with the smallest NLL on these images.

    The NLL is that of the probit predictive, whichever is used later: it needs no draws, so that the choice is not noisy.
    """
    return _best(lambda grid, of_bias: grid_nll(posterior, features, targets, grid, of_bias), layerwise=False)[0]


def grid_precisions(posterior: Posterior, features: Tensor, targets: Tensor) -> Precisions:
    """The same for weight and bias with a precision each, on 25 x 25 pairs over the same range."""
    return _best(lambda grid, of_bias: grid_nll(posterior, features, targets, grid, of_bias), layerwise=True)


def cross_validated(
    task: Laplace, train: GaussNewton, features: Tensor, targets: Tensor, head: nn.Linear, groups: Sequence[str] | None
) -> Posterior:
    """The posterior of train and calib, under the prior precision of the smallest NLL over the folds of calib.

    What is computed again for a fold is H: that of train and of the other folds. The mean stays the trained last layer,
    which has seen no fold. The NLL is the probit's on the fold, summed over the folds.

    Args:
        task: with its folds and its kind of prior.
        train: H of train.
        features: of calib, [images, features].
        targets: of calib, as in `grid_nll`.
        head: the trained last layer.
        groups: the study of each image, none of which is cut in two; None where the data set knows none.
    """
    folds = folds_of(len(features), task.folds, groups)
    structure: Structure = "full" if train.structure == "blocks" else train.structure
    parts = [gauss_newton(structure, features[rows], targets[rows], head) for rows in folds]
    posteriors = []
    for n in range(len(folds)):
        matrix = train
        for other in (*parts[:n], *parts[n + 1 :]):
            matrix = matrix + other
        posteriors.append(posterior_of(head, matrix.decompose()))

    def nll(grid: Tensor, of_bias: Tensor | None) -> Tensor:
        sums = [
            _summed_nll(posterior, features[rows], targets[rows], grid, of_bias)
            for posterior, rows in zip(posteriors, folds, strict=True)
        ]
        return torch.stack(sums).sum(0)

    best = _best(nll, layerwise=task.prior == "layerwise")
    matrix = train
    for part in parts:
        matrix = matrix + part
    return posterior_of(head, matrix.decompose()).with_prior_precision(*best)


def folds_of(images: int, folds: int, groups: Sequence[str] | None = None) -> list[Tensor]:
    """Row numbers of each fold, drawn once for all networks; images of a group are in one fold.

    Fewer images or groups than folds make as many folds as there are.
    """
    names = list(groups) if groups is not None else [str(n) for n in range(images)]
    distinct = list(dict.fromkeys(names))
    order = torch.randperm(len(distinct), generator=torch.Generator().manual_seed(SEED)).tolist()
    fold = {distinct[place]: n % folds for n, place in enumerate(order)}
    of_row = torch.tensor([fold[name] for name in names])
    return [(of_row == n).nonzero()[:, 0] for n in range(min(folds, len(distinct)))]


def at_the_end(precisions: Precisions) -> bool:
    """Whether a choice stands at an end of its grid."""
    bias = precisions[1]
    ends = (GRID[0], GRID[-1]) if bias is None else (COARSE[0], COARSE[-1])
    return any(value in ends for value in precisions if value is not None)


def _best(nll: Callable[[Tensor, Tensor | None], Tensor], *, layerwise: bool) -> Precisions:
    grid = torch.tensor(COARSE if layerwise else GRID, dtype=torch.float64)
    if not layerwise:
        return float(grid[nll(grid, None).argmin()]), None
    pairs = torch.cartesian_prod(grid, grid)
    weight, bias = pairs[nll(pairs[:, 0].contiguous(), pairs[:, 1].contiguous()).argmin()].tolist()
    return weight, bias


def _summed_nll(
    posterior: Posterior, features: Tensor, targets: Tensor, grid: Tensor, bias_grid: Tensor | None
) -> Tensor:
    total = torch.zeros(len(grid), dtype=torch.float64)
    for rows, truth in zip(torch.split(features.double(), ROWS), torch.split(targets, ROWS), strict=True):
        variance = posterior.curvature.variance(rows, grid, bias_grid)
        logits = probit_logits(posterior.means(rows)[:, :, None], variance)
        if targets.ndim == 2:
            total += entry_losses(logits, truth.double()[:, :, None]).nansum(dim=(0, 1))
        else:
            log_probs = torch.log_softmax(logits, dim=1)
            total -= log_probs.gather(1, truth[:, None, None].expand(-1, 1, len(grid))).sum(dim=(0, 1))
    return total


def _counted(targets: Tensor) -> int:
    return int((~targets.isnan()).sum()) if targets.ndim == 2 else len(targets)


def _zero(values: Tensor, square_norm: float) -> float:
    """Where sum_p values_p / (values_p + d) = d |theta|^2."""
    low, high = math.log(LEAST), math.log(MOST)
    for _ in range(60):
        middle = (low + high) / 2
        d = math.exp(middle)
        rising = float((values / (values + d)).sum()) > d * square_norm
        low, high = (middle, high) if rising else (low, middle)
    return math.exp((low + high) / 2)


def _with_precisions(posterior: Posterior) -> Iterator[tuple[Tensor, float, float]]:
    """Eigenvalues, squared norm of the parameters and prior precision, of each part that has a prior of its own."""
    norms = _square_norm(posterior.weight), _square_norm(posterior.bias)
    if posterior.bias_precision is None:
        yield posterior.curvature.eigenvalues(), sum(norms), posterior.prior_precision
        return
    weight, bias = _apart(posterior)
    yield weight, norms[0], posterior.prior_precision
    yield bias, norms[1], posterior.bias_precision


def _apart(posterior: Posterior) -> tuple[Tensor, Tensor]:
    """Eigenvalues of the weight and of the bias, which `diag` and `kron` hold one after the other."""
    values, cut = posterior.curvature.eigenvalues(), posterior.weight.numel()
    return values[:cut], values[cut:]


def _square_norm(parameters: Tensor) -> float:
    return float(parameters.square().sum())
