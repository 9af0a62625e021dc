"""The Gauss-Newton matrix of a last layer over cached features, before it is decomposed.

Of a softmax head laplace-torch computes it. It knows no likelihood for several labels (targets of several ones would be taken
for soft classes), so that of a sigmoid head is computed here, exactly: labels are independent given the features, and label l
has the block sum_n p_nl (1 - p_nl) phi_n phi_n^T over the images whose label l is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from trainables.posthoc.curvature import Curvature, DiagCurvature, FullCurvature, KronCurvature, Structure, eigen
from trainables.posthoc.label_curvature import LabelBlocks

BATCH_BYTES = 2**27
MEAN = "by_feature"


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussNewton:
    """A Gauss-Newton matrix as its structure holds it; those of disjoint images add up.

    Attributes:
        structure: `blocks` is the full one of labels.
        images: how many images stand behind it.
        parts: sums over the images. `diag`: weight [classes, features], bias [classes]. `kron`: by_class and by_bias,
            [classes, classes], and by_feature, the mean of phi phi^T, [features, features]. `full`: matrix [P, P].
            `blocks`: matrix [labels, features + 1, features + 1].
    """

    structure: Structure | Literal["blocks"]
    images: int
    parts: Mapping[str, Tensor]

    def __add__(self, other: GaussNewton) -> GaussNewton:
        """The matrix of both sets of images; Kronecker factors are those of all images together."""
        images = self.images + other.images

        def joined(name: str) -> Tensor:
            one, two = self.parts[name].double(), other.parts[name].double()
            return (one * self.images + two * other.images) / max(1, images) if name == MEAN else one + two

        return GaussNewton(structure=self.structure, images=images, parts={name: joined(name) for name in self.parts})

    def decompose(self) -> Curvature:
        """The same in its eigenbasis: all that costs more than its computation."""
        parts = self.parts
        match self.structure:
            case "diag":
                return DiagCurvature(weight_values=parts["weight"], bias_values=parts["bias"])
            case "kron":
                class_vectors, class_values = eigen(parts["by_class"])
                feature_vectors, feature_values = eigen(parts["by_feature"])
                bias_vectors, bias_values = eigen(parts["by_bias"])
                return KronCurvature(
                    class_vectors=class_vectors,
                    class_values=class_values,
                    feature_vectors=feature_vectors,
                    feature_values=feature_values,
                    bias_vectors=bias_vectors,
                    bias_values=bias_values,
                )
            case "full":
                vectors, values = eigen(parts["matrix"])
                return FullCurvature(vectors=vectors, values=values)
            case "blocks":
                return _blocks(parts["matrix"])


def gauss_newton(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> GaussNewton:
    """The matrix at a trained head.

    Args:
        structure: `diag`, `kron` or `full`.
        features: [images, features].
        targets: class numbers [images], or [images, labels] with NaN where a label is unknown.
        head: the last layer, with a bias.

    Raises:
        ValueError: a head without a bias, or one that does not fit the features.
    """
    _require_fitting_head(features, head)
    if targets.ndim == 2:
        return of_labels(structure, features, targets, head)
    return of_classes(structure, features, targets, head)


def of_classes(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> GaussNewton:
    """That of a softmax head, from laplace-torch."""
    library = _fit_library(structure, features, targets, head)
    parts: dict[str, Tensor]
    if structure == "kron":
        (by_class, by_feature), (by_bias,) = library.H_facs.kfacs
        parts = {"by_class": by_class, "by_feature": by_feature, "by_bias": by_bias}
    elif structure == "diag":
        values, cut = library.H.detach().double(), head.weight.numel()
        parts = {"weight": values[:cut].reshape(head.weight.shape), "bias": values[cut:]}
    else:
        parts = {"matrix": library.H}
    return GaussNewton(structure=structure, images=len(features), parts=parts)


def of_labels(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> GaussNewton:
    """That of a sigmoid head; an unknown entry adds nothing, an image without a known label nothing at all.

    The Kronecker factors are those of K-FAC: block l is s_l A with s_l = sum_n p (1 - p) over the known entries of the label
    and A the mean of phi phi^T over the images, shared by all labels. Class vectors are the identity.
    """
    known = ~targets.isnan()
    rows = known.any(1)
    features, known = features[rows], known[rows]
    weight, bias = head.weight.detach().double(), head.bias.detach().double()
    labels, size = weight.shape
    shapes: dict[str, tuple[int, ...]] = {
        "diag": (labels, size),
        "kron": (size, size),
        "full": (labels, size + 1, size + 1),
    }
    total = torch.zeros(shapes[structure], dtype=torch.float64)
    sums = torch.zeros(labels, dtype=torch.float64)
    for part, told in _batches(features, known):
        p = torch.sigmoid(part @ weight.T + bias)
        entries = p * (1 - p) * told
        sums += entries.sum(0)
        if structure == "diag":
            total += entries.T @ part.square()
        elif structure == "kron":
            total.addmm_(part.T, part)
        else:
            with_bias = torch.cat([part, torch.ones(len(part), 1, dtype=torch.float64)], dim=1)
            for block, of_label in zip(total, entries.T, strict=True):
                block.addmm_((with_bias * of_label[:, None]).T, with_bias)
    parts = {
        "diag": lambda: {"weight": total, "bias": sums},
        "kron": lambda: {"by_class": sums.diag(), "by_feature": total / max(1, len(features)), "by_bias": sums.diag()},
        "full": lambda: {"matrix": total},
    }[structure]()
    return GaussNewton(structure="blocks" if structure == "full" else structure, images=len(features), parts=parts)


def _batches(features: Tensor, known: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows in double precision, few enough at a time for a copy of them."""
    rows = max(1, BATCH_BYTES // (16 * (features.shape[1] + 1)))
    for part, told in zip(torch.split(features, rows), torch.split(known, rows), strict=True):
        yield part.double(), told.double()


def _blocks(matrices: Tensor) -> LabelBlocks:
    """One label after another, so that the work needs the memory of one."""
    vectors = torch.empty_like(matrices)
    values = torch.empty(matrices.shape[:2], dtype=torch.float64)
    for n, matrix in enumerate(matrices):
        vectors[n], values[n] = eigen(matrix)
    return LabelBlocks(vectors=vectors, values=values)


def _fit_library(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> Any:
    # the import takes 8 to 15 s, so only those who fit pay for it
    from laplace import Laplace as FitLaplace

    # its full matrix is single precision whatever the model is, and four times slower to compute in double
    dtype = torch.float32 if structure == "full" else torch.float64
    model = nn.Sequential(nn.Identity(), deepcopy(head).cpu().to(dtype).requires_grad_(True))
    library = FitLaplace(
        model,
        "classification",
        subset_of_weights="last_layer",
        hessian_structure=structure,
        # found automatically, the layer would be remembered together with the first batch of images
        last_layer_name="1",
    )
    parameters = head.out_features * (head.in_features + 1)
    rows = max(1, min(1024, BATCH_BYTES // (8 * head.out_features * parameters)))
    library.fit(DataLoader(TensorDataset(features.cpu().to(dtype), targets.cpu()), batch_size=rows))
    return library


def _require_fitting_head(features: Tensor, head: nn.Linear) -> None:
    if head.bias is None:
        raise ValueError("fit_laplace() was given a head without a bias. Build the last layer with bias=True.")
    if features.ndim != 2 or features.shape[1] != head.in_features:
        raise ValueError(
            f"fit_laplace() was given features of shape {tuple(features.shape)} and a head that takes "
            f"{head.in_features}. Pass the penultimate features of this network, [images, {head.in_features}]."
        )
