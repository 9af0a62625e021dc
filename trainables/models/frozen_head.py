"""Features of a frozen timm network with a small dense network on top (paper P3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainables.models.classifier import Classifier
from trainables.models.flatten_map import FlattenMap
from trainables.models.timm_classifier import TimmBackbone
from trainables.models.timm_network import create_network, normalisation_of
from trainables.spec import FrozenHead

PAPER_SIZE = 299


def build_frozen_head(
    spec: FrozenHead, *, classes: int, weights_folder: Path | None, size: int | None = None
) -> Classifier:
    """Build the backbone without its own head, freeze it, and put the dense layers on its pooled map.

    Args:
        spec: backbone, pooling and dense layers.
        classes: width of the last layer.
        weights_folder: where the file of the backbone's weights lies.
        size: side of the images in pixels; the paper's 299 where left out.

    Raises:
        ValueError: timm has no network of that name, the weight file is missing, the network has no feature map, or the
            map is smaller than a window.
    """
    size = size or PAPER_SIZE
    settings: dict[str, Any] = {"field": "model/backbone", "num_classes": 0, "in_chans": 3}
    with torch.device("meta"):
        outline = create_network(spec.backbone, weights=None, weights_folder=None, **settings)
    shape, used = _features(outline, size)
    network = create_network(spec.backbone, weights=spec.weights, weights_folder=weights_folder, **settings)
    for name, module in network.named_children():
        if name not in used and any(True for _ in module.parameters()):
            setattr(network, name, nn.Identity())
    backbone = TimmBackbone(network).requires_grad_(False)
    pooling, width = _dense(spec, shape, size)
    mean, deviation = normalisation_of(network, channels=3, pretrained=spec.weights is not None)
    return Classifier(
        backbone=backbone, pooling=pooling, head=nn.Linear(width, classes), mean=mean, deviation=deviation
    )


def _dense(spec: FrozenHead, shape: tuple[int, int, int], size: int) -> tuple[nn.Module, int]:
    """Pooling and dense layers, and the width of the last one."""
    channels, *sides = shape
    if spec.pooling != "none":
        if spec.pool > min(sides):
            raise ValueError(
                f"model/pool is {spec.pool}, and images of {size} px end in a map of {sides[0]} x {sides[1]} cells. Take "
                "smaller windows, larger images, or pooling 'none'."
            )
        sides = [side // spec.pool for side in sides]
    window = {"max": nn.MaxPool2d(spec.pool), "average": nn.AvgPool2d(spec.pool), "none": nn.Identity()}[spec.pooling]
    flatten = FlattenMap((channels, sides[0], sides[1]), size)
    layers: list[nn.Module] = [window, flatten]
    width = flatten.features
    for units in spec.units:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(spec.dropout)]
        width = units
    if not spec.units:
        layers.append(nn.Dropout(spec.dropout))
    return nn.Sequential(*layers), width


@torch.no_grad()
def _features(outline: nn.Module, size: int) -> tuple[tuple[int, int, int], set[str]]:
    """Shape of the last feature map, and the parts that make it, from a network without numbers."""
    used: set[str] = set()
    for name, module in outline.named_children():
        module.register_forward_hook(lambda *_, name=name: used.add(name))
    result = outline.eval().forward_features(torch.empty(1, 3, size, size, device="meta"))  # type: ignore[operator]
    if result.ndim != 4 or getattr(outline, "output_fmt", "NCHW") != "NCHW":
        raise ValueError(
            f"model/backbone is a {type(outline).__name__}, whose features are no map of channels, rows and columns. Choose "
            "a convolutional network."
        )
    channels, rows, columns = result.shape[1:]
    return (channels, rows, columns), used
