"""A network of M inputs and M heads over any timm backbone (Havasi et al. 2021)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from trainables.models.classifier import Classifier
from trainables.models.timm_classifier import build_timm
from trainables.spec import Mimo, Timm


class RepeatedInput(nn.Module):
    """A backbone of M channels that takes one grey image for all of them, or M images, a channel each."""

    def __init__(self, backbone: nn.Module, members: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.members = members

    def forward(self, images: Tensor) -> Tensor:
        """Feature map [batch, channels, rows, columns] of images [batch, 1 or M, height, width]."""
        result: Tensor = self.backbone(images.expand(-1, self.members, -1, -1))
        return result


def build_mimo(spec: Mimo, *, classes: int, weights_folder: Path | None) -> Classifier:
    """Build the named network for M grey images at once, with M heads of `classes` logits side by side.

    One member is the plain network, drawn from the same random numbers.

    Args:
        spec: which network.
        classes: width of each head.
        weights_folder: where the file of its weights lies.

    Raises:
        ValueError: what `build_timm` refuses, or a network whose first layer is not one layer.
    """
    grey = Timm(
        name=spec.name,
        weights=spec.weights,
        dropout=spec.dropout,
        output_stride=spec.output_stride,
        feature_layer=spec.feature_layer,
    )
    width = spec.members * classes
    plain = build_timm(grey, classes=width, weights_folder=weights_folder, inputs=1 if spec.weights else spec.members)
    wide = plain
    if spec.weights and spec.members > 1:
        random = Timm(
            name=spec.name, dropout=spec.dropout, output_stride=spec.output_stride, feature_layer=spec.feature_layer
        )
        wide = build_timm(random, classes=width, weights_folder=None, inputs=spec.members)
        wide.load_state_dict(_repeated(plain, wide, spec))
    return Classifier(
        backbone=RepeatedInput(wide.backbone, spec.members),
        pooling=wide.pooling,
        head=wide.head,
        mean=float(wide.normalisation[0]),
        deviation=float(wide.normalisation[1]),
        global_average=wide.global_average,
        members=spec.members,
    )


def _repeated(plain: Classifier, wide: Classifier, spec: Mimo) -> dict[str, Tensor]:
    """The weights of a network of one input for one of M: filters of the first layer repeated, and divided by M."""
    weights = dict(plain.state_dict())
    wanted = {name: tensor.shape for name, tensor in wide.state_dict().items()}
    first = [name for name, tensor in weights.items() if tensor.shape != wanted[name]]
    if len(first) != 1 or weights[first[0]].shape[1] != 1:
        raise ValueError(
            f"model/name is {spec.name!r}, whose weights do not begin with one layer that reads the channels "
            f"({', '.join(first) or 'none'}). Leave model/weights out, or choose another network."
        )
    weights[first[0]] = weights[first[0]].expand(wanted[first[0]]) / spec.members
    return weights
