"""The shape that every network here has, whatever its backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A backbone that ends in a feature map, a pooling to penultimate features, and one linear head.

    Input is `images[batch, 1, height, width]`, grey intensities in [0, 1]; normalisation is part of the network, so that
    whatever perturbs an image works in intensities. `forward(x) == head(pool(feature_map(x)))`.

    A part whose own parameters have all lost their gradient stays in eval mode: a frozen batch norm keeps its statistics.

    Attributes:
        backbone: [batch, channels, height, width], one channel as a rule, to the last feature map [batch, channels, rows, columns].
        pooling: feature map to penultimate features [batch, features], dropout included.
        head: the last linear layer, penultimate features to logits.
        normalisation: mean and deviation of intensities, stored with the weights that were trained under it: [2], or
            [2, 3, 1, 1] for a backbone of three channels, to which the grey image is repeated.
        global_average: whether the pooling is the mean over positions, up to dropout. Only then is a class activation map,
            the head's weights over the feature map, defined; Grad-CAM always is.
        members: how many heads lie side by side in `head`, each with logits of its own for every class; 1 as a rule, more in
            a MIMO network.
    """

    normalisation: Tensor

    def __init__(
        self,
        *,
        backbone: nn.Module,
        pooling: nn.Module,
        head: nn.Linear,
        mean: float | Sequence[float] = 0.5,
        deviation: float | Sequence[float] = 0.25,
        global_average: bool = False,
        members: int = 1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling
        self.head = head
        normalisation = torch.tensor([mean, deviation])
        self.register_buffer(
            "normalisation", normalisation[:, :, None, None] if normalisation.ndim > 1 else normalisation
        )
        self.global_average = global_average
        self.members = members

    def train(self, mode: bool = True) -> Self:
        """Set the mode of every part but the frozen ones, which stay in eval mode."""
        super().train(mode)
        for part in self.modules():
            own = list(part.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                part.training = False
        return self

    def feature_map(self, images: Tensor) -> Tensor:
        """The last feature map, [batch, channels, rows, columns], after its non-linearity."""
        result: Tensor = self.backbone((images - self.normalisation[0]) / self.normalisation[1])
        return result

    def features(self, images: Tensor) -> Tensor:
        """Penultimate features, [batch, features]."""
        result: Tensor = self.pooling(self.feature_map(images))
        return result

    def logits_of(self, feature_map: Tensor) -> Tensor:
        """Logits [batch, classes] from the last feature map: the part that Grad-CAM differentiates.

        Of several members it is the mean of their logits, so that a map is the mean of the members' signed maps.
        """
        features = self.pooling(feature_map)
        if self.members > 1:
            return self.member_logits(features).mean(0)
        result: Tensor = self.head(features)
        return result

    def member_logits(self, features: Tensor) -> Tensor:
        """Logits [members, batch, classes] of every member from penultimate features [batch, features]."""
        logits: Tensor = self.head(features)
        return logits.reshape(len(logits), self.members, -1).movedim(1, 0)

    def log_probs(self, images: Tensor) -> Tensor:
        """Log probabilities [batch, classes] of one class an image, those of several members pooled, in float32."""
        if self.members == 1:
            return torch.log_softmax(self(images).float(), dim=1)
        members = torch.log_softmax(self.member_logits(self.features(images)).float(), dim=2)
        return torch.logsumexp(members, dim=0) - math.log(self.members)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, [batch, classes]."""
        return self.logits_of(self.feature_map(images))
