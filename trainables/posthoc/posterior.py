"""A Gaussian posterior over the last layer: predictive, samples, storage. It needs cached features only.

The posterior is N(theta, (H + d I)^-1), with theta the trained last layer, H the Gauss-Newton matrix of the training NLL
and d the prior precision (Daxberger et al. 2021, section 3). Classes and labels differ only in what is made of the logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainables.image_predictions import ImagePredictions, Kind
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc.curvature import Curvature, curvature_from_tensors, curvature_tensors
from trainables.spec import Laplace

ROWS = 512
COVARIANCE_ROWS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """A last layer that knows how sure it is of its weights; tensors in double precision.

    Attributes:
        weight: [classes, features], the trained one; of a sigmoid head [labels, features].
        bias: [classes].
        curvature: H in its eigenbasis.
        prior_precision: d.
        bias_precision: that of the bias where it has its own (a layer-wise prior); d is that of the weight then.
    """

    weight: Tensor
    bias: Tensor
    curvature: Curvature
    prior_precision: float
    bias_precision: float | None = None

    def with_prior_precision(self, prior_precision: float, bias_precision: float | None = None) -> Posterior:
        """The same under another prior; nothing is decomposed again."""
        return replace(self, prior_precision=prior_precision, bias_precision=bias_precision)

    def means(self, features: Tensor) -> Tensor:
        """Logits of the trained layer, [images, classes]."""
        return features @ self.weight.T + self.bias


def posterior_of(head: nn.Linear, curvature: Curvature, prior_precision: float = 1.0) -> Posterior:
    """The posterior around a trained head."""
    weight, bias = head.weight.detach().double(), head.bias.detach().double()
    return Posterior(weight=weight, bias=bias, curvature=curvature, prior_precision=prior_precision)


def probit_logits(means: Tensor, variance: Tensor) -> Tensor:
    """Logits m / sqrt(1 + pi / 8 v), whose softmax approximates E[softmax(f)] for f ~ N(m, v) (MacKay 1992)."""
    return means / (1 + math.pi / 8 * variance).sqrt()


def bridge_logits(means: Tensor, covariance: Tensor, *, normalised: bool = False) -> Tensor:
    """Log probabilities of the Laplace bridge (Hobbhahn et al. 2022): the mean of a Dirichlet, in closed form.

    A softmax does not see what all logits share, so the Gaussian is first conditioned on logits that sum to 0; then
    alpha_k = (1 - 2 / K + exp(m_k) sum_j exp(-m_j) / K^2) / v_k, and the mean is alpha / sum alpha. Of two classes the variance
    cancels in it. For large variances the bridge is far off; `normalised` divides m by sqrt(c) and v by c before, with c the
    mean variance over sqrt(K / 2), as laplace-torch's `bridge_norm` does.

    Args:
        means: [images, classes].
        covariance: [images, classes, classes].
        normalised: scale mean and variance first.
    """
    classes = means.shape[1]
    shared, total = covariance.sum(2), covariance.sum((1, 2))[:, None]
    means = means - shared * means.sum(1, keepdim=True) / total
    variance = (covariance.diagonal(dim1=1, dim2=2) - shared.square() / total).clamp_min(torch.finfo(means.dtype).tiny)
    if normalised:
        scale = variance.mean(1, keepdim=True) / math.sqrt(classes / 2)
        means, variance = means / scale.sqrt(), variance / scale
    least = torch.tensor(1 - 2 / classes, dtype=means.dtype).log()
    spread = means + torch.logsumexp(-means, dim=1, keepdim=True) - 2 * math.log(classes)
    return torch.log_softmax(torch.logaddexp(least, spread) - variance.log(), dim=1)


def predict_laplace(
    posterior: Posterior, features: Tensor, *, samples: int | None = None, seed: int = 0, bridge: bool | str = False
) -> Tensor:
    """Logits of the predictive, [members, images, classes].

    Args:
        posterior: fitted or read with `load_posterior`.
        features: [images, features].
        samples: None for one member with the probit approximation, else that many last layers drawn from the posterior,
            one member each, to be pooled by `Predictions`.
        seed: of the draws; it does not depend on the images, so that a member is the same network for all of them.
        bridge: the Laplace bridge in place of the probit, or "normalised"; for classes only.
    """
    rows = features.double()
    if samples is not None:
        weights, biases = sample_heads(posterior, samples, seed)
        return rows @ weights.transpose(1, 2) + biases[:, None, :]
    if bridge:
        return _bridged(posterior, rows, normalised=bridge == "normalised")[None]
    precision = torch.tensor([posterior.prior_precision], dtype=torch.float64)
    of_bias = None if posterior.bias_precision is None else torch.full_like(precision, posterior.bias_precision)
    parts = [
        probit_logits(posterior.means(part), posterior.curvature.variance(part, precision, of_bias)[:, :, 0])
        for part in torch.split(rows, ROWS)
    ]
    return torch.cat(parts)[None]


def sample_heads(posterior: Posterior, samples: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw last layers: weights [samples, classes, features] and biases [samples, classes]."""
    parameters = posterior.weight.numel() + posterior.bias.numel()
    noise = torch.randn(samples, parameters, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    drawn = posterior.curvature.sample(noise, posterior.prior_precision, posterior.bias_precision)
    cut = posterior.weight.numel()
    weights = drawn[:, :cut].reshape(samples, *posterior.weight.shape)
    return posterior.weight + weights, posterior.bias + drawn[:, cut:]


def laplace_predictions(task: Laplace, posterior: Posterior, features: Tensor, like: Kind) -> Kind:
    """The predictive that a task asks for, on the images of other predictions, whose rows the features share.

    Raises:
        ValueError: the bridge of labels.
    """
    if task.predictive == "mc":
        return like.with_logits(predict_laplace(posterior, features, samples=task.samples))
    if task.predictive == "probit":
        return like.with_logits(predict_laplace(posterior, features))
    require_bridge(task, like)
    how = "normalised" if task.predictive == "bridge_norm" else True
    return like.with_logits(predict_laplace(posterior, features, bridge=how))


def require_bridge(task: Laplace, predictions: ImagePredictions) -> None:
    """Refuse the Laplace bridge where an image may have several labels.

    Raises:
        ValueError: with the reason and the way out.
    """
    if task.predictive in ("bridge", "bridge_norm") and isinstance(predictions, MultiLabelPredictions):
        raise ValueError(
            f"{task.name}: predictive {task.predictive!r} is for one class an image. Of a label it is a beta distribution "
            "whose mean is the sigmoid of the trained logit, whatever the variance is. Use 'probit' or 'mc'."
        )


def posterior_tensors(posterior: Posterior) -> dict[str, Tensor]:
    """All of a posterior as named tensors, to be stored; `load_posterior` is its inverse."""
    own = {
        "weight": posterior.weight,
        "bias": posterior.bias,
        "prior_precision": torch.tensor(posterior.prior_precision, dtype=torch.float64),
    }
    if posterior.bias_precision is not None:
        own["bias_precision"] = torch.tensor(posterior.bias_precision, dtype=torch.float64)
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
        bias_precision=float(tensors["bias_precision"]) if "bias_precision" in tensors else None,
    )


def _bridged(posterior: Posterior, features: Tensor, *, normalised: bool) -> Tensor:
    precisions = posterior.prior_precision, posterior.bias_precision
    parts = [
        bridge_logits(posterior.means(part), posterior.curvature.covariance(part, *precisions), normalised=normalised)
        for part in torch.split(features, COVARIANCE_ROWS)
    ]
    return torch.cat(parts)
