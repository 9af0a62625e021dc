"""Networks of several labels made of random features and a random head, without any training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tests.trainables.planted import ids
from tests.trainables.planted_labels import PlantedLabelNetwork
from trainables.multilabel import MultiLabelPredictions
from trainables.spec import SPLITS, SplitName


@dataclass
class LabelHead(PlantedLabelNetwork):
    """Labels are drawn from the sigmoid of its own logits over `overconfidence`; a share of the truth is unknown."""

    images_per_split: int = 120
    features_size: int = 5
    share_unknown: float = 0.2

    def features(self, split: SplitName) -> Tensor:
        generator = torch.Generator().manual_seed(SPLITS.index(split))
        return torch.randn(self.images_per_split, self.features_size, generator=generator).relu()

    def head(self) -> nn.Linear:
        generator = torch.Generator().manual_seed(100)
        head = nn.Linear(self.features_size, len(self.classes))
        with torch.no_grad():
            head.weight.copy_(self.overconfidence * torch.randn(head.weight.shape, generator=generator))
            head.bias.copy_(self.overconfidence * 0.3 * torch.randn(head.bias.shape, generator=generator))
        return head

    def predictions(self, split: SplitName) -> MultiLabelPredictions:
        with torch.no_grad():
            logits = self.head()(self.features(split))
        generator = torch.Generator().manual_seed(10 + SPLITS.index(split))
        targets = torch.bernoulli(torch.sigmoid(logits / self.overconfidence), generator=generator)
        targets[torch.rand(targets.shape, generator=generator) < self.share_unknown] = torch.nan
        image_ids = ids(split, self.images_per_split)
        return MultiLabelPredictions(logits=logits[None], targets=targets, image_ids=image_ids, split=split)
