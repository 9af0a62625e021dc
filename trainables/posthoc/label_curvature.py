"""The full Gauss-Newton matrix of a sigmoid head: labels are independent given the features, so it has a block a label.

`diag` and `kron` of labels are the structures of `trainables.posthoc.curvature` with the identity for class vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelBlocks:
    """Block l is the sum of p (1 - p) (phi, 1) (phi, 1)^T over the images whose label l is known: exact, never P x P.

    Attributes:
        vectors: eigenvectors in columns, [labels, features + 1, features + 1]; the bias is the last row.
        values: [labels, features + 1].
    """

    vectors: Tensor
    values: Tensor
    structure: Literal["blocks"] = "blocks"

    def eigenvalues(self) -> Tensor:
        """See `Curvature`."""
        return self.values.flatten()

    def variance(self, features: Tensor, prior_precisions: Tensor, bias_precisions: Tensor | None = None) -> Tensor:
        """See `Curvature`."""
        refuse_layerwise(bias_precisions)
        return torch.stack(
            [
                (features @ vectors[:-1] + vectors[-1]).square() @ (1 / (values[:, None] + prior_precisions))
                for vectors, values in self._blocks()
            ],
            dim=1,
        )

    def covariance(self, features: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`; labels are independent of each other."""
        refuse_layerwise(bias_precision)
        precisions = torch.tensor([prior_precision], dtype=torch.float64)
        return torch.diag_embed(self.variance(features, precisions)[:, :, 0])

    def sample(self, noise: Tensor, prior_precision: float, bias_precision: float | None = None) -> Tensor:
        """See `Curvature`."""
        refuse_layerwise(bias_precision)
        scaled = noise.reshape(-1, *self.values.shape) / (self.values + prior_precision).sqrt()
        drawn = torch.einsum("lij,slj->sli", self.vectors, scaled)
        return torch.cat([drawn[:, :, :-1].flatten(1), drawn[:, :, -1]], dim=1)

    def _blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self.vectors, self.values, strict=True)


def refuse_layerwise(bias_precision: Tensor | float | None) -> None:
    """Refuse a prior precision of the bias's own where weight and bias share an eigenbasis.

    Raises:
        ValueError: there is one.
    """
    if bias_precision is not None:
        raise ValueError(
            "A layer-wise prior needs a curvature in which weight and bias are apart: 'diag' or 'kron'. The full structure "
            "couples them; give it one prior precision."
        )
