"""Gauss-Newton matrices of a last layer in their eigenbasis, by structure.

The last layer has the parameters theta = (weight[classes, features] row by row, bias[classes]), P in all. Each class
below holds H = Q diag(values) Q^T in the way its structure allows, so that for any prior precision d the posterior
covariance Q diag(1 / (values + d)) Q^T costs no further decomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Literal, Protocol

import torch
from torch import Tensor

from trainables.posthoc.label_curvature import LabelBlocks, refuse_layerwise

Structure = Literal["diag", "kron", "full"]


class Curvature(Protocol):
    """Gauss-Newton matrix of the summed NLL at the trained weights.

    A prior precision d counts for all parameters. With another one for the bias (a layer-wise prior) d counts for the
    weight alone; the structures that hold weight and bias in one matrix refuse it with a ValueError.
    """

    @property
    def structure(self) -> Structure | Literal["blocks"]:
        """Its name; `blocks` is the full structure of labels, whose matrix has a block a label."""
        ...

    def eigenvalues(self) -> Tensor:
        """All P eigenvalues, none negative; of `diag` and `kron` those of the weight first."""
        ...

    def variance(self, features: Tensor, prior_precisions: Tensor, bias_precisions: Tensor | None = None) -> Tensor:
        """Variance of each logit under the posterior.

        Args:
            features: [images, features].
            prior_precisions: [grid], one posterior each.
            bias_precisions: [grid], those of the bias where it has its own.

        Returns:
            diag(J (H + d I)^-1 J^T), [images, classes, grid].
        """
        ...

    def covariance(self, features: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """J (H + d I)^-1 J^T of all logits of an image, [images, classes, classes]."""
        ...

    def sample(self, noise: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """Turn standard normal noise [samples, P] into draws from N(0, (H + d I)^-1), [samples, P]."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagCurvature:
    """The diagonal of H: weight_values [classes, features], bias_values [classes]."""

    weight_values: Tensor
    bias_values: Tensor
    structure: Literal["diag"] = "diag"

    def eigenvalues(self) -> Tensor:
        """See `Curvature`."""
        return torch.cat([self.weight_values.flatten(), self.bias_values])

    def variance(self, features: Tensor, prior_precisions: Tensor, bias_precisions: Tensor | None = None) -> Tensor:
        """See `Curvature`."""
        of_bias = prior_precisions if bias_precisions is None else bias_precisions
        weights = 1 / (self.weight_values[:, :, None] + prior_precisions)
        biases = 1 / (self.bias_values[:, None] + of_bias)
        return torch.einsum("nd,kdg->nkg", features.square(), weights) + biases

    def covariance(self, features: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`; logits are independent of each other."""
        return torch.diag_embed(self.variance(features, *_grids(prior_precision, bias_precision))[:, :, 0])

    def sample(self, noise: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        of_bias = prior_precision if bias_precision is None else bias_precision
        values = torch.cat([self.weight_values.flatten() + prior_precision, self.bias_values + of_bias])
        return noise / values.sqrt()


@dataclass(frozen=True, kw_only=True, eq=False)
class KronCurvature:
    """A Kronecker product for the weight, B (x) A, and a block of its own for the bias (Martens and Grosse 2015).

    Attributes:
        class_vectors, class_values: eigenvectors [classes, classes] and values of B, the sum of diag(p) - p p^T.
        feature_vectors, feature_values: the same of A, the mean of phi phi^T, [features, features].
        bias_vectors, bias_values: the same of the bias block.
    """

    class_vectors: Tensor
    class_values: Tensor
    feature_vectors: Tensor
    feature_values: Tensor
    bias_vectors: Tensor
    bias_values: Tensor
    structure: Literal["kron"] = "kron"

    def eigenvalues(self) -> Tensor:
        """See `Curvature`."""
        return torch.cat([self._products().flatten(), self.bias_values])

    def variance(self, features: Tensor, prior_precisions: Tensor, bias_precisions: Tensor | None = None) -> Tensor:
        """See `Curvature`."""
        of_bias = prior_precisions if bias_precisions is None else bias_precisions
        by_class = self._by_class(features, prior_precisions)
        biases = self.bias_vectors.square() @ (1 / (self.bias_values[:, None] + of_bias))
        return torch.einsum("ki,nig->nkg", self.class_vectors.square(), by_class) + biases

    def covariance(self, features: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        of_weight, of_bias = _grids(prior_precision, bias_precision)
        by_class = self._by_class(features, of_weight)[:, :, 0]
        biases = (self.bias_vectors / (self.bias_values + of_bias)) @ self.bias_vectors.T
        return (self.class_vectors * by_class[:, None, :]) @ self.class_vectors.T + biases

    def sample(self, noise: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        of_bias = prior_precision if bias_precision is None else bias_precision
        products = self._products()
        cut = products.numel()
        weights = noise[:, :cut].reshape(-1, *products.shape) / (products + prior_precision).sqrt()
        biases = noise[:, cut:] / (self.bias_values + of_bias).sqrt()
        rotated = self.class_vectors @ weights @ self.feature_vectors.T
        return torch.cat([rotated.flatten(1), biases @ self.bias_vectors.T], dim=1)

    def _by_class(self, features: Tensor, prior_precisions: Tensor) -> Tensor:
        """Variance by eigenvector of the classes without the bias's share, [images, classes, grid]."""
        rotated = (features @ self.feature_vectors).square()
        return torch.einsum("nj,ijg->nig", rotated, 1 / (self._products()[:, :, None] + prior_precisions))

    def _products(self) -> Tensor:
        return torch.outer(self.class_values, self.feature_values)


@dataclass(frozen=True, kw_only=True, eq=False)
class FullCurvature:
    """All of H: vectors [P, P] in columns, values [P]."""

    vectors: Tensor
    values: Tensor
    structure: Literal["full"] = "full"

    def eigenvalues(self) -> Tensor:
        """See `Curvature`."""
        return self.values

    def variance(self, features: Tensor, prior_precisions: Tensor, bias_precisions: Tensor | None = None) -> Tensor:
        """See `Curvature`."""
        refuse_layerwise(bias_precisions)
        inverse = 1 / (self.values[:, None] + prior_precisions)
        return torch.stack([each.square() @ inverse for each in self._rotated(features)], dim=1)

    def covariance(self, features: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        refuse_layerwise(bias_precision)
        rotated = torch.stack(list(self._rotated(features)), dim=1)
        return (rotated / (self.values + prior_precision)) @ rotated.transpose(1, 2)

    def sample(self, noise: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        refuse_layerwise(bias_precision)
        return (noise / (self.values + prior_precision).sqrt()) @ self.vectors.T

    def _rotated(self, features: Tensor) -> Iterator[Tensor]:
        """The Jacobian of every logit in the eigenbasis, [images, P] each."""
        size = features.shape[1]
        classes = len(self.values) // (size + 1)
        for k in range(classes):
            yield features @ self.vectors[k * size : (k + 1) * size] + self.vectors[classes * size + k]


STRUCTURES: dict[str, Callable[..., Curvature]] = {
    "diag": DiagCurvature,
    "kron": KronCurvature,
    "full": FullCurvature,
    "blocks": LabelBlocks,
}


def curvature_tensors(curvature: Curvature) -> dict[str, Tensor]:
    """The parts of a curvature as `<structure>/<part>`, to be stored."""
    names = [field.name for field in fields(curvature) if field.name != "structure"]  # type: ignore[arg-type]
    return {f"{curvature.structure}/{name}": getattr(curvature, name) for name in names}


def curvature_from_tensors(tensors: Mapping[str, Tensor]) -> Curvature:
    """Read what `curvature_tensors` wrote; other names are passed over.

    Raises:
        ValueError: no structure among the names.
    """
    for structure, build in STRUCTURES.items():
        parts = {name.split("/")[1]: part for name, part in tensors.items() if name.startswith(f"{structure}/")}
        if parts:
            return build(**parts)
    raise ValueError(f"No Laplace posterior among the tensors {', '.join(sorted(tensors)) or '(none)'}.")


def eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors and eigenvalues of a symmetric positive semi-definite matrix, in double precision.

    Rounding leaves tiny negative eigenvalues, which are set to 0. The vectors are laid out by rows, as they are stored:
    a posterior that is read back then predicts the same to the last bit.
    """
    values, vectors = torch.linalg.eigh(matrix.detach().double())
    return vectors.contiguous(), values.clamp_min(0.0)


def _grids(prior_precision: float, bias_precision: float | None) -> tuple[Tensor, Tensor]:
    of_bias = prior_precision if bias_precision is None else bias_precision
    return torch.tensor([prior_precision], dtype=torch.float64), torch.tensor([of_bias], dtype=torch.float64)
