"""The shape that every network here has, whatever its backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A backbone that ends in a feature map, a pooling to penultimate features, and one linear head.

    Input is `images[batch, 1, height, width]`, grey intensities in [0, 1]; normalisation is part of the network, so that
    whatever perturbs an image works in intensities. `forward(x) == head(pool(feature_map(x)))`.

    Attributes:
        backbone: [batch, 1, height, width] to the last feature map [batch, channels, rows, columns].
        pooling: feature map to penultimate features [batch, features], dropout included.
        head: the last linear layer, penultimate features to logits.
        normalisation: mean and deviation of intensities; stored with the weights that were trained under it.
    """

    normalisation: Tensor

    def __init__(
        self,
        *,
        backbone: nn.Module,
        pooling: nn.Module,
        head: nn.Linear,
        mean: float = 0.5,
        deviation: float = 0.25,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling
        self.head = head
        self.register_buffer("normalisation", torch.tensor([mean, deviation]))

    def feature_map(self, images: Tensor) -> Tensor:
        """The last feature map, [batch, channels, rows, columns], after its non-linearity."""
        result: Tensor = self.backbone((images - self.normalisation[0]) / self.normalisation[1])
        return result

    def features(self, images: Tensor) -> Tensor:
        """Penultimate features, [batch, features]."""
        result: Tensor = self.pooling(self.feature_map(images))
        return result

    def logits_of(self, feature_map: Tensor) -> Tensor:
        """Logits [batch, classes] from the last feature map: the part that Grad-CAM differentiates."""
        result: Tensor = self.head(self.pooling(feature_map))
        return result

    def forward(self, images: Tensor) -> Tensor:
        """Logits, [batch, classes]."""
        return self.logits_of(self.feature_map(images))
