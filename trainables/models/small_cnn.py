"""Our own plain network: the default that trains in seconds on a CPU."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from trainables.models.classifier import Classifier
from trainables.spec import SmallCNN


def build_small_cnn(spec: SmallCNN, *, classes: int) -> Classifier:
    """Build blocks of convolution, batch norm and ReLU with max pooling between them.

    The last block is not pooled: with four blocks a 64 pixel image ends in an 8 x 8 map, fine enough to explain.
    """
    widths = (1, *spec.widths)
    blocks: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(widths)):
        if place:
            blocks.append(nn.MaxPool2d(2))
        blocks += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(spec.dropout))
    head = nn.Linear(widths[-1], classes)
    return Classifier(backbone=nn.Sequential(*blocks), pooling=pooling, head=head, global_average=True)
