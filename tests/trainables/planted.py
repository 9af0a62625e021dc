"""Predictions and networks made from planted parameters, without any training."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainables.data.images import ImageSet
from trainables.models.classifier import Classifier
from trainables.predictions import Predictions
from trainables.spec import SPLITS, SmallCNN, Split, SplitName, Synthetic, TrialSpec

CLASSES = ("normal", "opacity", "effusion", "enlarged heart")


def predictions(
    *,
    images: int = 300,
    classes: int = 4,
    members: int = 1,
    seed: int = 0,
    split: str = "calib",
    scale: float = 1.5,
    temperature: float = 1.0,
) -> Predictions:
    """Calibrated predictions whose logits are then multiplied by `temperature`: targets are drawn from softmax(logits)."""
    generator = torch.Generator().manual_seed(seed)
    shared = scale * torch.randn(images, classes, generator=generator)
    targets = torch.multinomial(torch.softmax(shared, dim=-1), 1, generator=generator)[:, 0]
    noise = torch.randn(members, images, classes, generator=generator) if members > 1 else 0.0
    logits = temperature * (shared[None] + 0.7 * noise)
    return Predictions(logits=logits, targets=targets, image_ids=ids(split, images), split=split)


def ids(split: str, images: int) -> tuple[str, ...]:
    """Names of a split's images."""
    return tuple(f"{split}/{n:05d}.png" for n in range(images))


@dataclass
class PlantedNetwork:
    """A `TrainedNetwork` of random features and a random head; targets are drawn from its own tempered softmax."""

    key: str = "network-0"
    seed: int = 0
    features_size: int = 6
    classes: tuple[str, ...] = CLASSES
    images_per_split: int = 80
    split_spec: Split = field(default_factory=Split)
    overconfidence: float = 1.0
    asked: list[str] = field(default_factory=list)

    @property
    def spec(self) -> TrialSpec:
        return TrialSpec(data=Synthetic(), model=SmallCNN(), split=self.split_spec, seed=self.seed)

    def features(self, split: SplitName) -> Tensor:
        self.asked.append(split)
        generator = torch.Generator().manual_seed(SPLITS.index(split))
        return torch.randn(self.images_per_split, self.features_size, generator=generator).relu()

    def head(self) -> nn.Linear:
        generator = torch.Generator().manual_seed(100 + self.seed)
        head = nn.Linear(self.features_size, len(self.classes))
        with torch.no_grad():
            head.weight.copy_(self.overconfidence * torch.randn(head.weight.shape, generator=generator))
            head.bias.copy_(self.overconfidence * 0.1 * torch.randn(head.bias.shape, generator=generator))
        return head

    def predictions(self, split: SplitName) -> Predictions:
        self.asked.append(split)
        with torch.no_grad():
            logits = self.head()(self.features(split))
        truth = (
            PlantedNetwork(features_size=self.features_size, classes=self.classes).head() if self.seed else self.head()
        )
        with torch.no_grad():
            likely = truth(self.features(split)) / (self.overconfidence if not self.seed else 1.0)
        generator = torch.Generator().manual_seed(10 + SPLITS.index(split))
        targets = torch.multinomial(torch.softmax(likely, dim=-1), 1, generator=generator)[:, 0]
        image_ids = ids(split, self.images_per_split)
        return Predictions(logits=logits[None], targets=targets, image_ids=image_ids, split=split)

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        return None

    def classifier(self) -> Classifier:
        raise AssertionError("a task on stored logits and features asked for the network itself")

    def images(self, split: SplitName) -> ImageSet:
        raise AssertionError("a task on stored logits and features asked for the images")
