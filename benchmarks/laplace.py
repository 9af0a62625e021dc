"""Fitting and tuning a last-layer Laplace posterior on cached features, on top of the one pass over the images.

The pass that stores the features is needed anyway; a ratio of 1 would be a posterior for nothing. Beside it laplace-torch, driven
on the images themselves, which passes them through the network to fit and again for every value of its grid.
"""

from __future__ import annotations

import copy
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.explain import timm_classifier
from benchmarks.measure import row, seconds
from trainables.models.classifier import Classifier
from trainables.posthoc.curvature import Structure
from trainables.posthoc.gauss_newton import gauss_newton
from trainables.posthoc.posterior import posterior_of
from trainables.posthoc.prior_precision import grid_precision

IMAGES, CALIB, SIDE, CLASSES, LABELS = 160, 40, 160, 4, 14
STRUCTURES: tuple[Structure, ...] = ("diag", "kron", "full")
GRID_OF_LIBRARY = 4
PASS = "one backbone pass over train and calib"
GOAL = 1.3


def rows(*, repetitions: int = 2, network: str = "resnet18") -> list[dict[str, Any]]:
    """Every structure of classes and of labels against the pass, and the library on images against the same."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    classifier = timm_classifier(network).eval()
    images, calib = torch.rand(IMAGES, 1, SIDE, SIDE), torch.rand(CALIB, 1, SIDE, SIDE)
    passes = [seconds(lambda: _features(classifier, torch.cat([images, calib]))) for _ in range(repetitions + 1)][1:]
    features, calib_features = _features(classifier, images), _features(classifier, calib)
    classes = torch.randint(0, CLASSES, (IMAGES,)), torch.randint(0, CLASSES, (CALIB,))
    labels = (
        torch.bernoulli(torch.full((IMAGES, LABELS), 0.3)),
        torch.bernoulli(torch.full((CALIB, LABELS), 0.3)),
    )
    heads = nn.Linear(features.shape[1], CLASSES), nn.Linear(features.shape[1], LABELS)
    found = []
    for kind, head, (truth, calib_truth) in zip(("classes", "labels"), heads, (classes, labels), strict=True):
        for structure in STRUCTURES:
            ours = _ours(structure, features, truth, calib_features, calib_truth, head)
            ours()  # the first imports the library
            times = [ours() for _ in range(repetitions)]
            found += _rows(f"{structure} of {head.out_features} {kind}", structure, passes, times, network)
    on_images = [seconds(_library(classifier, images, classes[0], calib, classes[1])) for _ in range(repetitions)]
    note = f"no goal: the library with {GRID_OF_LIBRARY} of 100 values, each of which passes calib through the network"
    found.append(_row("laplace-torch on images: kron, fit and grid", passes, on_images, None, network, note))
    return found


def _rows(
    name: str, structure: Structure, passes: list[float], times: list[tuple[float, float, float]], network: str
) -> list[dict[str, Any]]:
    """The pass with fit and tuning; of a full structure the decomposition is told apart."""
    without = [once + fit + grid for once, (fit, _, grid) in zip(passes, times, strict=True)]
    with_all = [once + sum(each) for once, each in zip(passes, times, strict=True)]
    title = f"laplace {name}: the pass, fit and a grid of 100"
    if structure != "full":
        return [_row(title, passes, with_all, GOAL, network)]
    note = "no goal: bound by the eigendecomposition, whose cost does not depend on the images"
    return [
        _row(f"{title}, without the decomposition", passes, without, GOAL, network),
        _row(f"laplace {name}: its decomposition alone", passes, [each[1] for each in times], None, network, note),
    ]


def _ours(
    structure: Structure, features: Tensor, targets: Tensor, calib: Tensor, calib_targets: Tensor, head: nn.Linear
) -> Callable[[], tuple[float, float, float]]:
    """Seconds of the matrix, its decomposition and the grid."""

    def work() -> tuple[float, float, float]:
        kept: list[Any] = []
        fit = seconds(lambda: kept.append(gauss_newton(structure, features, targets, head)))
        decompose = seconds(lambda: kept.append(posterior_of(head, kept[0].decompose())))
        return fit, decompose, seconds(lambda: grid_precision(kept[1], calib, calib_targets))

    return work


def _library(
    classifier: Classifier, images: Tensor, targets: Tensor, calib: Tensor, calib_targets: Tensor
) -> Callable[[], None]:
    from laplace import Laplace

    train = DataLoader(TensorDataset(images, targets), batch_size=32)
    held_out = DataLoader(TensorDataset(calib, calib_targets), batch_size=32)
    names = {"subset_of_weights": "last_layer", "last_layer_name": "head", "hessian_structure": "kron"}

    def work() -> None:
        fitted = Laplace(copy.deepcopy(classifier), "classification", **names)
        fitted.fit(train)
        fitted.optimize_prior_precision(
            method="gridsearch",
            pred_type="glm",
            val_loader=held_out,
            grid_size=GRID_OF_LIBRARY,
            loss=lambda p, y: nn.functional.nll_loss(p.log(), y),
        )

    return work


@torch.no_grad()
def _features(classifier: Classifier, images: Tensor) -> Tensor:
    return torch.cat([classifier.features(part) for part in torch.split(images, 32)])


def _row(
    name: str, passes: list[float], times: list[float], goal: float | None, network: str, note: str = ""
) -> dict[str, Any]:
    ratios = sorted(ours / once for ours, once in zip(times, passes, strict=True))
    return row(
        name,
        PASS,
        statistics.median(ratios),
        goal=goal,
        spread=(ratios[-1] - ratios[0]) / 2,
        repetitions=len(ratios),
        sizes=f"{network}, {IMAGES} and {CALIB} images of {SIDE} px",
        note=note,
    )
