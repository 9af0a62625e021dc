"""Little networks for the tests of explanations and losses."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from trainables.models.classifier import Classifier


def small_classifier(
    *,
    classes: int = 4,
    pooling: Literal["average", "maximum", "dense"] = "average",
    dropout: float = 0.0,
    seed: int = 0,
    double: bool = False,
) -> Classifier:
    """Two convolutions, a 4x4 map of a 32x32 image with 6 channels, and one of three kinds of pooling; eval mode."""
    torch.manual_seed(seed)
    backbone = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(4),
    )  # fmt: skip
    layers: dict[str, list[nn.Module]] = {
        "average": [nn.AdaptiveAvgPool2d(1), nn.Flatten()],
        "maximum": [nn.MaxPool2d(2), nn.Flatten()],
        "dense": [nn.Flatten(), nn.Linear(96, 10), nn.Tanh()],
    }
    features = {"average": 6, "maximum": 24, "dense": 10}[pooling]
    classifier = Classifier(
        backbone=backbone,
        pooling=nn.Sequential(*layers[pooling], nn.Dropout(dropout)),
        head=nn.Linear(features, classes),
    )
    for part in classifier.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 2.0)
            nn.init.normal_(part.bias, 0.0, 0.3)
    nn.init.normal_(classifier.head.weight)
    classifier = classifier.double() if double else classifier
    return classifier.eval()


def some_images(count: int, *, side: int = 32, seed: int = 0, double: bool = False) -> Tensor:
    """Random images [count, 1, side, side] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, side, side, generator=generator, dtype=torch.float64 if double else torch.float32)
