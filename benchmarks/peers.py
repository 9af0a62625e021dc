"""Explanations against pytorch-grad-cam and Quantus, which `make peers` puts beside the environment."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.explain import CLASSES, small_cnn, timm_classifier
from benchmarks.measure import ratio_row
from benchmarks.quantus_curve import quantus_falls
from trainables.explain import Regions, grad_cam, most_relevant_first, perturbation_curves
from trainables.explain.perturbations import add_noise
from trainables.models.classifier import Classifier


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """Every measurement of this file; needs what `benchmarks/peers.txt` names."""
    resnet = timm_classifier("resnet18").cpu()
    return [
        grad_cam_against_its_library(resnet, repetitions=repetitions),
        aopc_against_quantus(small_cnn().cpu(), "small CNN", repetitions=repetitions),
        aopc_against_quantus(resnet, "resnet18", repetitions=repetitions),
    ]


def grad_cam_against_its_library(classifier: Classifier, *, repetitions: int) -> dict[str, Any]:
    """Maps of all classes against pytorch-grad-cam, class by class."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    images = torch.rand(8, 1, 128, 128, generator=torch.Generator().manual_seed(0))

    def class_by_class() -> None:
        with GradCAM(model=classifier.eval(), target_layers=[classifier.backbone]) as theirs:
            for number in range(CLASSES):
                theirs(input_tensor=images, targets=[ClassifierOutputTarget(number)] * len(images))

    return ratio_row(
        "Grad-CAM of all classes",
        "pytorch-grad-cam class by class",
        lambda: grad_cam(classifier, images),
        class_by_class,
        goal=1.0,
        repetitions=repetitions,
        sizes=f"resnet18, batch {len(images)}, 128 px, {CLASSES} classes",
        note="theirs also enlarges the maps to the image",
    )


def aopc_against_quantus(classifier: Classifier, name: str, *, repetitions: int) -> dict[str, Any]:
    """A perturbation curve against `quantus.RegionPerturbation` with the same regions and noise."""
    count, side, cells = 8, 64, 4
    images = torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(0))
    maps = torch.rand(count, side, side, generator=torch.Generator().manual_seed(1))
    ids, regions = [str(n) for n in range(count)], Regions.of(height=side, width=side, rows=cells, columns=cells)
    predicted = torch.zeros(count, dtype=torch.int64)

    def ours() -> None:
        perturbed = add_noise(images, ids, noise=0.1, seed=0)
        order = most_relevant_first(regions.relevance(maps))
        perturbation_curves(classifier, images, perturbed, predicted, order=order, regions=regions)

    def theirs() -> None:
        perturbed = add_noise(images, ids, noise=0.1, seed=0)
        quantus_falls(classifier.eval(), images, maps, perturbed, predicted, patch=side // cells)

    return ratio_row(
        "AOPC",
        "Quantus RegionPerturbation",
        ours,
        theirs,
        goal=1.0,
        repetitions=repetitions,
        sizes=f"{name}, {count} images, {side} px, {cells} x {cells} regions",
    )
