"""Fitting and tuning a last-layer Laplace posterior on cached features, beside laplace-torch on the same features."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import ratio_row
from trainables.posthoc.curvature import Structure
from trainables.posthoc.laplace import fit_laplace
from trainables.posthoc.prior_precision import grid_precision, marginal_likelihood_precision

IMAGES, CALIB, FEATURES, CLASSES = 1000, 200, 96, 4
SIZES = f"{IMAGES} images, {FEATURES} features, {CLASSES} classes, {CALIB} calib images"


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """Fit and tune by marginal likelihood against the library doing both; and our grid against our fit."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    features, targets = torch.randn(IMAGES, FEATURES).relu(), torch.randint(0, CLASSES, (IMAGES,))
    calib, calib_targets = torch.randn(CALIB, FEATURES).relu(), torch.randint(0, CLASSES, (CALIB,))
    head = nn.Linear(FEATURES, CLASSES)
    structures: tuple[Structure, ...] = ("diag", "kron", "full")
    tuned = [_tuned(structure, features, targets, head, repetitions) for structure in structures]
    posterior = fit_laplace("kron", features, targets, head)
    grid = ratio_row(
        "laplace kron: grid of 100 prior precisions on calib",
        "one fit of the posterior",
        lambda: grid_precision(posterior, calib, calib_targets),
        lambda: fit_laplace("kron", features, targets, head),
        goal=1.0,
        repetitions=repetitions,
        sizes=SIZES,
    )
    return [*tuned, grid]


def _tuned(
    structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear, repetitions: int
) -> dict[str, Any]:
    return ratio_row(
        f"laplace {structure}: fit and tune by marginal likelihood",
        "laplace-torch on the same features",
        lambda: marginal_likelihood_precision(fit_laplace(structure, features, targets, head)),
        _library(structure, features, targets, head),
        goal=None if structure == "diag" else 1.5,
        repetitions=repetitions,
        sizes=SIZES,
        note="" if structure != "diag" else "no goal: both are dominated by the library's fit",
    )


def _library(structure: str, features: Tensor, targets: Tensor, head: nn.Linear) -> Callable[[], None]:
    from laplace import Laplace

    loader = DataLoader(TensorDataset(features, targets), batch_size=256)
    names = {"subset_of_weights": "last_layer", "last_layer_name": "1", "hessian_structure": structure}

    def work() -> None:
        fitted = Laplace(nn.Sequential(nn.Identity(), copy.deepcopy(head)), "classification", **names)
        fitted.fit(loader)
        fitted.optimize_prior_precision(method="marglik", pred_type="glm")

    return work
