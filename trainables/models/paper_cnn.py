"""The networks that papers P0, P1 and P4 trained from scratch.

What the papers print is kept; what they leave open is chosen here and listed in `docs/networks-and-training.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from trainables.models.classifier import Classifier
from trainables.models.flatten_map import FlattenMap
from trainables.spec import PaperCNN


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A chain of 3 x 3 convolutions that keep the side, with ReLU, and what follows it.

    Attributes:
        widths: channels of each convolution.
        pooled_after: numbers of the convolutions (1 is the first) that a max pooling of 2 x 2 follows.
        hidden: widths of the dense layers on the flattened map, or None for global average pooling.
        dropout: in front of the head and after each dense layer.
        size: side of the paper's images in pixels.
        batch_norm: after each convolution and each dense layer but the last.
        spatial_dropout: rate of channels dropped after each convolution but the last: a last map of one channel would
            be gone as a whole.
    """

    widths: tuple[int, ...]
    pooled_after: tuple[int, ...]
    hidden: tuple[int, ...] | None
    dropout: float
    size: int
    batch_norm: bool = False
    spatial_dropout: float = 0.0


PLANS = {
    "p0": Plan(widths=(16, 32, 64, 64), pooled_after=(1, 2, 3), hidden=None, dropout=0.2, size=224),
    "p1_small": Plan(widths=(2, 4, 8, 4, 2, 1), pooled_after=(2, 4, 6), hidden=(512, 256, 128), dropout=0.0, size=256),
    "p1_large": Plan(
        widths=(16, 16, 32, 32, 64, 64, 32, 16, 16, 1),
        pooled_after=(3, 5, 8),
        hidden=(2048, 1024, 512),
        dropout=0.5,
        size=256,
        batch_norm=True,
        spatial_dropout=0.2,
    ),
    "p4_shallow": Plan(widths=(32, 64), pooled_after=(1,), hidden=None, dropout=0.0, size=224),
    "p4_deeper": Plan(
        widths=(32, 32, 64, 64, 128, 128, 256, 256), pooled_after=(2, 4, 6), hidden=None, dropout=0.5, size=224
    ),
}


def build_paper_cnn(spec: PaperCNN, *, classes: int, size: int | None = None) -> Classifier:
    """Build the named network.

    Args:
        spec: which one.
        classes: width of its head.
        size: side of the images in pixels, on which dense layers depend; the paper's where left out.
    """
    plan = PLANS[spec.name]
    dropout = plan.dropout if spec.dropout is None else spec.dropout
    backbone = nn.Sequential(*_convolutions(plan))
    if plan.hidden is None:
        pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        return Classifier(
            backbone=backbone, pooling=pooling, head=nn.Linear(plan.widths[-1], classes), global_average=True
        )
    layers, width = _dense(plan, dropout, size or plan.size)
    return Classifier(backbone=backbone, pooling=nn.Sequential(*layers), head=nn.Linear(width, classes))


def _convolutions(plan: Plan) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(zip((1, *plan.widths), plan.widths, strict=False), start=1):
        convolution = nn.Conv2d(before, after, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        layers.append(convolution)
        if plan.batch_norm:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU())
        if plan.spatial_dropout and number < len(plan.widths):
            layers.append(nn.Dropout2d(plan.spatial_dropout))
        if number in plan.pooled_after:
            layers.append(nn.MaxPool2d(2))
    return layers


def _dense(plan: Plan, dropout: float, size: int) -> tuple[list[nn.Module], int]:
    """Dense layers on the flattened map, and the width of the last one."""
    side = size // 2 ** len(plan.pooled_after)
    flatten = FlattenMap((plan.widths[-1], side, side), size)
    layers: list[nn.Module] = [flatten]
    width = flatten.features
    for units in plan.hidden or ():
        layers.append(nn.Linear(width, units))
        if plan.batch_norm:
            layers.append(nn.BatchNorm1d(units))
        layers += [nn.ReLU(), nn.Dropout(dropout)]
        width = units
    return layers, width
