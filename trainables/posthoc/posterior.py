"""A Gaussian posterior over the last layer: prior precision, predictive, storage. It needs cached features only.

The posterior is N(theta, (H + d I)^-1), with theta the trained last layer, H the Gauss-Newton matrix of the training NLL
and d the prior precision (Daxberger et al. 2021, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainables.posthoc.curvature import Curvature, curvature_from_tensors, curvature_tensors
from trainables.predictions import Predictions

GRID = tuple(10 ** (-4 + 8 * n / 99) for n in range(100))
ROWS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """A last layer that knows how sure it is of its weights; tensors in double precision.

    Attributes:
        weight: [classes, features], the trained one.
        bias: [classes].
        curvature: H in its eigenbasis.
        prior_precision: d.
    """

    weight: Tensor
    bias: Tensor
    curvature: Curvature
    prior_precision: float

    def with_prior_precision(self, prior_precision: float) -> Posterior:
        """The same under another prior; nothing is decomposed again."""
        return replace(self, prior_precision=prior_precision)


def posterior_of(head: nn.Linear, curvature: Curvature, prior_precision: float = 1.0) -> Posterior:
    """The posterior around a trained head."""
    weight, bias = head.weight.detach().double(), head.bias.detach().double()
    return Posterior(weight=weight, bias=bias, curvature=curvature, prior_precision=prior_precision)


def log_marginal_likelihood(posterior: Posterior, train_nll: float) -> float:
    """Laplace's approximation of log p(train) (MacKay 1992; Immer et al. 2021, equation 4).

    -NLL - 1/2 (sum_p log(1 + values_p / d) + d |theta|^2).

    Args:
        posterior: with its prior precision d.
        train_nll: the summed NLL of the training images in nats.
    """
    d = posterior.prior_precision
    ratio = torch.log1p(posterior.curvature.eigenvalues() / d).sum()
    return float(-train_nll - 0.5 * (ratio + d * _square_norm(posterior)))


def marginal_likelihood_precision(posterior: Posterior) -> float:
    """The prior precision of the largest marginal likelihood, in [1e-8, 1e8].

    Its derivative by log d is 1/2 (sum_p values_p / (values_p + d) - d |theta|^2), which only falls with d: the maximum
    is the one zero (MacKay's d = gamma / |theta|^2), found by halving an interval.
    """
    values, square_norm = posterior.curvature.eigenvalues(), _square_norm(posterior)
    low, high = math.log(1e-8), math.log(1e8)
    for _ in range(60):
        middle = (low + high) / 2
        d = math.exp(middle)
        rising = float((values / (values + d)).sum()) > d * square_norm
        low, high = (middle, high) if rising else (low, middle)
    return math.exp((low + high) / 2)


def grid_nll(posterior: Posterior, features: Tensor, targets: Tensor, grid: Tensor) -> Tensor:
    """NLL of the probit predictive under every prior precision of a grid, [grid], from one product in the eigenbasis."""
    total = torch.zeros(len(grid), dtype=torch.float64)
    for rows, truth in zip(torch.split(features.double(), ROWS), torch.split(targets, ROWS), strict=True):
        variance = posterior.curvature.variance(rows, grid)
        log_probs = torch.log_softmax(probit_logits(_means(posterior, rows)[:, :, None], variance), dim=1)
        total -= log_probs.gather(1, truth[:, None, None].expand(-1, 1, len(grid))).sum(dim=(0, 1))
    return total / len(targets)


def grid_precision(posterior: Posterior, features: Tensor, targets: Tensor) -> float:
    """The prior precision, among 100 from 1e-4 to 1e4 in equal ratios, with the smallest NLL on these images.

    The NLL is that of the probit predictive, whichever is used later: it needs no draws, so that the choice is not noisy.
    """
    grid = torch.tensor(GRID, dtype=torch.float64)
    return float(grid[grid_nll(posterior, features, targets, grid).argmin()])


def probit_logits(means: Tensor, variance: Tensor) -> Tensor:
    """Logits m / sqrt(1 + pi / 8 v), whose softmax approximates E[softmax(f)] for f ~ N(m, v) (MacKay 1992)."""
    return means / (1 + math.pi / 8 * variance).sqrt()


def predict_laplace(posterior: Posterior, features: Tensor, *, samples: int | None = None, seed: int = 0) -> Tensor:
    """Logits of the predictive, [members, images, classes].

    Args:
        posterior: fitted or read with `load_posterior`.
        features: [images, features].
        samples: None for one member with the probit approximation, else that many last layers drawn from the posterior,
            one member each, to be pooled by `Predictions`.
        seed: of the draws; it does not depend on the images, so that a member is the same network for all of them.
    """
    rows = features.double()
    if samples is not None:
        weights, biases = sample_heads(posterior, samples, seed)
        return rows @ weights.transpose(1, 2) + biases[:, None, :]
    precision = torch.tensor([posterior.prior_precision], dtype=torch.float64)
    parts = [
        probit_logits(_means(posterior, part), posterior.curvature.variance(part, precision)[:, :, 0])
        for part in torch.split(rows, ROWS)
    ]
    return torch.cat(parts)[None]


def sample_heads(posterior: Posterior, samples: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw last layers: weights [samples, classes, features] and biases [samples, classes]."""
    parameters = posterior.weight.numel() + posterior.bias.numel()
    noise = torch.randn(samples, parameters, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    drawn = posterior.curvature.sample(noise, posterior.prior_precision)
    cut = posterior.weight.numel()
    weights = drawn[:, :cut].reshape(samples, *posterior.weight.shape)
    return posterior.weight + weights, posterior.bias + drawn[:, cut:]


def laplace_predictions(
    posterior: Posterior, features: Tensor, like: Predictions, *, samples: int | None = None
) -> Predictions:
    """The predictive for the images of other predictions, whose rows the features share."""
    return like.with_logits(predict_laplace(posterior, features, samples=samples))


def posterior_tensors(posterior: Posterior) -> dict[str, Tensor]:
    """All of a posterior as named tensors, to be stored; `load_posterior` is its inverse."""
    own = {
        "weight": posterior.weight,
        "bias": posterior.bias,
        "prior_precision": torch.tensor(posterior.prior_precision, dtype=torch.float64),
    }
    return own | curvature_tensors(posterior.curvature)


def load_posterior(tensors: Mapping[str, Tensor]) -> Posterior:
    """Build a posterior from the tensors of a result.

    Raises:
        ValueError: they hold no posterior.
    """
    return Posterior(
        curvature=curvature_from_tensors(tensors),
        weight=tensors["weight"],
        bias=tensors["bias"],
        prior_precision=float(tensors["prior_precision"]),
    )


def _means(posterior: Posterior, features: Tensor) -> Tensor:
    return features @ posterior.weight.T + posterior.bias


def _square_norm(posterior: Posterior) -> float:
    return float(posterior.weight.square().sum() + posterior.bias.square().sum())
