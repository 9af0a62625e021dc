"""`python -m trainables.models`: the networks with their sizes, as the table of `docs/networks-and-training.md`.

Networks are built without numbers, so that the largest takes no memory and no time.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainables.models import Classifier, build_model
from trainables.models.paper_cnn import PLANS
from trainables.spec import FrozenHead, ModelSpec, PaperCNN, SmallCNN, Timm

FAMILIES = (
    "resnet18",
    "resnet50",
    "resnet101",
    "densenet121",
    "densenet201",
    "vgg16",
    "vgg19",
    "convnext_atto",
    "efficientnet_b0",
    "vit_tiny_patch16_224",
)
PAPER_CLASSES = {"p0": 7, "p1_small": 7, "p1_large": 7, "p4_shallow": 24, "p4_deeper": 24}


def networks() -> Iterator[tuple[str, ModelSpec, int, int]]:
    """Name, description, number of classes and side of the images of every network in the table."""
    yield "`SmallCNN()`", SmallCNN(), 4, 64
    for name, plan in PLANS.items():
        yield f'`PaperCNN(name="{name}")`', PaperCNN(name=name), PAPER_CLASSES[name], plan.size  # type: ignore[arg-type]
    for name in ("vgg16", "densenet201"):
        yield f'`FrozenHead(backbone="{name}")`', FrozenHead(backbone=name), 4, 299
    for name in FAMILIES:
        yield f'`Timm(name="{name}")`', Timm(name=name), 4, 224


def table() -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| network | classes | side, px | parameters | of which learn | of the head | last map |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, spec, classes, side in networks():
        with torch.device("meta"):
            classifier = build_model(spec, classes=classes, seed=0, size=side).eval()
            shape = classifier.feature_map(torch.empty(1, 1, side, side)).shape[1:]
        counts = " | ".join(f"{count:,}" for count in parameter_counts(classifier))
        lines.append(f"| {name} | {classes} | {side} | {counts} | {shape[0]} x {shape[1]} x {shape[2]} |")
    return lines


def parameter_counts(classifier: Classifier) -> tuple[int, int, int]:
    """Parameters in all, those with a gradient, those of the head. Running statistics are none."""
    parameters = list(classifier.parameters())
    learn = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    head = sum(parameter.numel() for parameter in classifier.head.parameters())
    return sum(parameter.numel() for parameter in parameters), learn, head


if __name__ == "__main__":
    print("\n".join(table()))
