"""What losses on maps and explanations cost, against the passes of the network that they cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import timm
import torch
from torch import Tensor, nn

from benchmarks.measure import DEVICE, ratio_row
from trainables.explain import Regions, grad_cam, most_relevant_first, perturbation_curves
from trainables.explain.aopc import BATCH_SIZE
from trainables.explain.inference import inference_copy
from trainables.explain.perturbations import add_noise
from trainables.losses import build_loss
from trainables.models.classifier import Classifier
from trainables.spec import ClassDistinct, CrossEntropy, LossSpec

CLASSES = 4


def rows(*, repetitions: int = 9) -> list[dict[str, Any]]:
    """Every measurement of this file; about a minute on one core."""
    resnet = timm_classifier("resnet18")
    return [
        class_distinct_step(resnet, "resnet18", side=128, repetitions=repetitions),
        grad_cam_of_all_classes(resnet, "resnet18", side=128, repetitions=repetitions),
        grad_cam_against_captum(resnet, "resnet18", side=128, repetitions=repetitions),
        aopc_against_its_passes(resnet, "resnet18", side=64, repetitions=repetitions),
        aopc_against_its_passes(small_cnn(), "small CNN", side=64, repetitions=repetitions),
        aopc_against_a_loop(small_cnn(), "small CNN", side=64, repetitions=repetitions),
        aopc_with_inference_copy(resnet, "resnet18", side=128, repetitions=repetitions),
        aopc_with_inference_copy(small_cnn(), "small CNN", side=64, repetitions=repetitions),
    ]


def class_distinct_step(classifier: Classifier, name: str, *, side: int, repetitions: int) -> dict[str, Any]:
    """A training step with L_CD against one with cross entropy."""
    images, targets = _images(16, side), torch.arange(16, device=DEVICE) % CLASSES
    return ratio_row(
        "a step with L_CD on the maps of all classes",
        "a step with cross entropy",
        _step(classifier, ClassDistinct(lambda_cd=1.4), images, targets),
        _step(classifier, CrossEntropy(), images, targets),
        goal=1.10,
        repetitions=repetitions,
        sizes=f"{name}, batch 16, {side} px, {CLASSES} classes",
    )


def grad_cam_of_all_classes(
    classifier: Classifier, name: str, *, side: int, repetitions: int, batch: int = 16
) -> dict[str, Any]:
    """Maps of all classes against one forward pass."""
    images = _images(batch, side)
    return ratio_row(
        "Grad-CAM of all classes",
        "one forward pass",
        lambda: grad_cam(classifier, images),
        _forward(classifier, [images]),
        goal=1.3,
        repetitions=repetitions,
        sizes=f"{name}, batch {batch}, {side} px, {CLASSES} classes",
    )


def grad_cam_against_captum(classifier: Classifier, name: str, *, side: int, repetitions: int) -> dict[str, Any]:
    """Maps of all classes against captum's, class by class."""
    from captum.attr import LayerGradCam

    images, captum = _images(16, side), LayerGradCam(classifier.eval(), classifier.backbone)

    def class_by_class() -> None:
        for target in range(CLASSES):
            captum.attribute(images, target=target, relu_attributions=True)

    return ratio_row(
        "Grad-CAM of all classes",
        "captum's LayerGradCam class by class",
        lambda: grad_cam(classifier, images),
        class_by_class,
        goal=None,
        repetitions=max(3, repetitions // 3),
        sizes=f"{name}, batch 16, {side} px, {CLASSES} classes",
        note="no goal: a comparison",
    )


def aopc_against_its_passes(
    classifier: Classifier, name: str, *, side: int, repetitions: int, count: int = 8
) -> dict[str, Any]:
    """A perturbation curve with its noise and ordering against its L + 1 bare forward passes, same network and batch."""
    curve, passes = _curve_and_passes(classifier, side=side, count=count)
    return ratio_row(
        "AOPC",
        "its L + 1 forward passes",
        curve,
        passes,
        goal=1.1,
        repetitions=repetitions,
        sizes=f"{name}, {count} images, {side} px, 4 x 4 regions, batch {BATCH_SIZE[DEVICE]}",
    )


def aopc_against_a_loop(
    classifier: Classifier, name: str, *, side: int, repetitions: int, count: int = 8
) -> dict[str, Any]:
    """Perturbation curves against the procedure by the letter: image by image, region after region, a pass each."""
    curve, _ = _curve_and_passes(classifier, side=side, count=count)
    images, ids = _images(count, side), [str(n) for n in range(count)]
    regions = Regions.of(height=side, width=side, rows=4, columns=4)
    number = regions.of_pixels().to(DEVICE)

    def loop() -> None:
        classifier.eval()
        perturbed = add_noise(images, ids, noise=0.1, seed=0)
        with torch.no_grad():
            for n in range(count):
                shown = images[n].clone()
                classifier(shown[None]).softmax(1)
                for region in range(len(regions)):
                    shown[:, number == region] = perturbed[n][:, number == region]
                    classifier(shown[None]).softmax(1)

    return ratio_row(
        "AOPC",
        "a loop over images and regions",
        curve,
        loop,
        goal=None,
        repetitions=max(3, repetitions // 3),
        sizes=f"{name}, {count} images, {side} px, 4 x 4 regions",
        note="no goal: a comparison",
    )


def aopc_with_inference_copy(classifier: Classifier, name: str, *, side: int, repetitions: int) -> dict[str, Any]:
    """As the post-hoc task runs it: on the folded channels-last copy, against L + 1 passes of the network as it is."""
    curve, _ = _curve_and_passes(inference_copy(classifier.eval(), _images(2, side)), side=side)
    _, passes = _curve_and_passes(classifier, side=side)
    return ratio_row(
        "AOPC on the inference copy",
        "L + 1 forward passes of the network",
        curve,
        passes,
        goal=1.0,
        repetitions=repetitions,
        sizes=f"{name}, 8 images, {side} px, 4 x 4 regions, batch {BATCH_SIZE[DEVICE]}",
        note="the copy is made once, outside the measurement",
    )


def timm_classifier(name: str) -> Classifier:
    """A timm backbone with random weights, global average pooling and a linear head."""
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0, global_pool="", in_chans=1)
    return _classifier(backbone, backbone.num_features)


def small_cnn(widths: tuple[int, ...] = (16, 32, 64, 96)) -> Classifier:
    """Blocks of convolution, batch norm, ReLU and pooling, as the default of `SmallCNN`."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, width in zip((1, *widths), widths, strict=False):
        convolution = nn.Conv2d(before, width, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    return _classifier(nn.Sequential(*layers), widths[-1])


def _classifier(backbone: nn.Module, features: int) -> Classifier:
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1))
    return Classifier(backbone=backbone, pooling=pooling, head=nn.Linear(features, CLASSES)).to(DEVICE)


def _images(count: int, side: int) -> Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(0)).to(DEVICE)


def _step(classifier: Classifier, spec: LossSpec, images: Tensor, targets: Tensor) -> Callable[[], None]:
    loss_of = build_loss(spec, class_counts=torch.ones(CLASSES))
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1e-4)

    def step() -> None:
        classifier.train()
        optimizer.zero_grad()
        loss, _ = loss_of(classifier, images, targets)
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def _forward(classifier: Classifier, batches: list[Tensor]) -> Callable[[], None]:
    def forward() -> None:
        classifier.eval()
        with torch.no_grad():
            for batch in batches:
                classifier(batch)

    return forward


def _curve_and_passes(
    classifier: Classifier, *, side: int, count: int = 8
) -> tuple[Callable[[], object], Callable[[], None]]:
    images, ids = _images(count, side), [str(n) for n in range(count)]
    maps = torch.rand(count, 4, 4)
    regions = Regions.of(height=side, width=side, rows=4, columns=4)
    predicted = torch.zeros(count, dtype=torch.int64)

    def curve() -> Tensor:
        perturbed = add_noise(images, ids, noise=0.1, seed=0)
        order = most_relevant_first(regions.relevance(maps))
        return perturbation_curves(classifier, images, perturbed, predicted, order=order, regions=regions)

    batches = list(torch.split(images.repeat(len(regions) + 1, 1, 1, 1), BATCH_SIZE[DEVICE]))
    return curve, _forward(classifier, batches)
