"""Seconds of fitting and tuning a last-layer Laplace posterior, beside laplace-torch on the same cached features.

    python -m benchmarks.laplace [images] [features] [classes]

CPU seconds, one thread. The library tunes by its marginal likelihood (100 steps), ours by the marginal likelihood and by
a grid of 100 values on 200 more images.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from trainables.posthoc.laplace import fit_laplace
from trainables.posthoc.posterior import grid_precision, marginal_likelihood_precision, predict_laplace


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def library(structure: str, features: Tensor, targets: Tensor, head: nn.Linear) -> tuple[float, float]:
    from laplace import Laplace

    model = nn.Sequential(nn.Identity(), head)
    names = {"subset_of_weights": "last_layer", "last_layer_name": "1", "hessian_structure": structure}
    fitted = Laplace(model, "classification", **names)
    loader = DataLoader(TensorDataset(features, targets), batch_size=256)
    fit, _ = seconds(lambda: fitted.fit(loader))
    tune, _ = seconds(lambda: fitted.optimize_prior_precision(method="marglik", pred_type="glm"))
    return fit, tune


def main(images: int = 1000, size: int = 96, classes: int = 4) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    features, targets = torch.randn(images, size).relu(), torch.randint(0, classes, (images,))
    calib, calib_targets = torch.randn(200, size).relu(), torch.randint(0, classes, (200,))
    head = nn.Linear(size, classes)
    importing, _ = seconds(lambda: fit_laplace("diag", features[:8], targets[:8], head))
    print(f"{images} images, {size} features, {classes} classes; import and first fit {importing:.1f} s")
    print(f"{'':6}{'fit':>9}{'marglik':>9}{'grid':>9}{'predict':>9}   library: fit, marglik")
    for structure in ("diag", "kron", "full"):
        fit, posterior = seconds(lambda s=structure: fit_laplace(s, features, targets, head))
        marglik, _ = seconds(lambda p=posterior: marginal_likelihood_precision(p))
        grid, _ = seconds(lambda p=posterior: grid_precision(p, calib, calib_targets))
        predict, _ = seconds(lambda p=posterior: predict_laplace(p, calib))
        theirs = library(structure, features, targets, head)
        print(f"{structure:6}{fit:9.3f}{marglik:9.4f}{grid:9.3f}{predict:9.4f}   {theirs[0]:.3f}, {theirs[1]:.3f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
