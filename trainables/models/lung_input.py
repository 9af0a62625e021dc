"""A classifier that looks at the lungs: a frozen U-Net in front of its backbone, and part of it.

From outside it is a `Classifier` like any other: it takes grey images and draws the map itself. So augmentation, explanations
and predictions on images from elsewhere need no map, and the U-Net's weights travel with the network's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainables.models.classifier import Classifier
from trainables.models.unet import LungMap, build_lung_map
from trainables.spec import Lungs


class LungInput(nn.Module):
    """A backbone behind a map of the lungs, which has no gradient and stays in eval mode.

    Args:
        backbone: takes normalised images; with `channel` one channel more than they have, the last one for the map.
        normalisation: of intensities, as in `Classifier`.
        lungs: draws the map.
        masks: whether the map multiplies the intensities; else it is a channel, brought to [-1, 1].
    """

    normalisation: Tensor

    def __init__(self, *, backbone: nn.Module, normalisation: Tensor, lungs: LungMap, masks: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.lungs = lungs.requires_grad_(False).eval()
        self.masks = masks
        self.register_buffer("normalisation", normalisation)

    def forward(self, images: Tensor) -> Tensor:
        """Feature map of images [batch, 1, height, width], intensities in [0, 1]."""
        with torch.no_grad():
            soft_map = self.lungs(images)
        seen = images * soft_map if self.masks else images
        normalised = (seen - self.normalisation[0]) / self.normalisation[1]
        inputs = normalised if self.masks else torch.cat([normalised, 2 * soft_map - 1], dim=1)
        feature_map: Tensor = self.backbone(inputs)
        return feature_map


def with_lungs(classifier: Classifier, spec: Lungs) -> Classifier:
    """The same classifier behind a map of the lungs, drawn by a U-Net that still has random weights.

    Weights of the first layer for the map are drawn at the scale of that layer's own; all others stay as they are.

    Raises:
        ValueError: the map is to be a channel, and the network does not begin with a plain convolution.
    """
    normalisation = classifier.normalisation
    if spec.how == "channel":
        _widen(classifier.backbone, channels=normalisation.shape[1] if normalisation.ndim > 1 else 1)
    lungs = build_lung_map(spec.segmentation)
    front = LungInput(backbone=classifier.backbone, normalisation=normalisation, lungs=lungs, masks=spec.how == "mask")
    return Classifier(
        backbone=front,
        pooling=classifier.pooling,
        head=classifier.head,
        mean=0.0,
        deviation=1.0,
        global_average=classifier.global_average,
    )


def load_lungs(classifier: Classifier, weights: Mapping[str, Tensor] | None) -> None:
    """Give the U-Net in front of a classifier its trained weights; a classifier that has none is left alone.

    Raises:
        ValueError: there are no weights for it.
    """
    front = classifier.backbone
    if not isinstance(front, LungInput):
        return
    if weights is None:
        raise ValueError(
            "The trial has lungs, and Training() got no weights of a U-Net. Pass lungs=train_lungs(...).weights of "
            "trainables.segmentation."
        )
    front.lungs.load_state_dict(weights)


def _widen(backbone: nn.Module, channels: int) -> None:
    """Let the first convolution take one channel more, in place."""
    first = next((part for part in backbone.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.in_channels != channels or first.groups != 1:
        raise ValueError(
            "lungs/how is 'channel', and this network does not begin with a convolution over the image. Take 'mask', or "
            "another network."
        )
    weight = first.weight.detach()
    drawn = torch.randn_like(weight[:, :1]) * weight.std()
    first.in_channels += 1
    first.weight = nn.Parameter(torch.cat([weight, drawn], dim=1))
