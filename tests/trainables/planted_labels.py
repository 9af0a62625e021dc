"""Multi-label predictions and networks from planted parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.trainables.planted import ids
from trainables.multilabel import MultiLabelPredictions
from trainables.spec import SPLITS, SmallCNN, Split, SplitName, Synthetic, TrialSpec

LABELS = ("opacity", "effusion", "enlarged heart")


def label_predictions(
    *,
    images: int = 300,
    labels: int = 3,
    members: int = 1,
    seed: int = 0,
    split: str = "calib",
    temperature: float = 1.0,
    unknown: float = 0.2,
) -> MultiLabelPredictions:
    """Calibrated predictions whose logits are then multiplied by `temperature`; a share of the truth is unknown."""
    generator = torch.Generator().manual_seed(seed)
    shared = 1.5 * torch.randn(images, labels, generator=generator) - 0.5
    targets = torch.bernoulli(torch.sigmoid(shared), generator=generator)
    targets[torch.rand(images, labels, generator=generator) < unknown] = torch.nan
    noise = torch.randn(members, images, labels, generator=generator) if members > 1 else 0.0
    logits = temperature * (shared[None] + 0.7 * noise)
    return MultiLabelPredictions(logits=logits, targets=targets, image_ids=ids(split, images), split=split)


@dataclass
class PlantedLabelNetwork:
    """A `TrainedNetwork` that only has predictions; the truth is that of the first seed."""

    key: str = "network-0"
    seed: int = 0
    classes: tuple[str, ...] = LABELS
    split_spec: Split = field(default_factory=Split)
    overconfidence: float = 1.0
    of_studies: tuple[str, ...] | None = None
    unknown: dict[str, float] = field(default_factory=dict)

    @property
    def spec(self) -> TrialSpec:
        return TrialSpec(data=Synthetic(multilabel=True), model=SmallCNN(), split=self.split_spec, seed=self.seed)

    def predictions(self, split: SplitName) -> MultiLabelPredictions:
        place, unknown = SPLITS.index(split), self.unknown.get(split, 0.2)
        truth = label_predictions(images=120, seed=place, split=split, unknown=unknown)
        noise = torch.randn(truth.logits.shape, generator=torch.Generator().manual_seed(100 * self.seed + place))
        return truth.with_logits(self.overconfidence * (truth.logits + (0.8 * noise if self.seed else 0.0)))

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        return self.of_studies

    def features(self, split: SplitName) -> Tensor:
        raise AssertionError("a task on stored logits asked for features")

    def head(self) -> nn.Linear:
        return nn.Linear(6, len(self.classes))

    def classifier(self) -> Any:
        raise AssertionError("a task on stored logits asked for the network itself")

    def images(self, split: SplitName) -> Any:
        raise AssertionError("a task on stored logits asked for the images")
