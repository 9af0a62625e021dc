"""A timm network by name, with random weights or those of a local file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from trainables.models.weights import weights_file
from trainables.spec import nearest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

IMAGENET_GREY = (0.449, 0.226)
PLAIN = (0.5, 0.25)


def create_network(
    name: str, *, weights: str | None, weights_folder: Path | None, field: str = "model/name", **settings: Any
) -> nn.Module:
    """Build the named network.

    Args:
        name: timm's name.
        weights: name of the file of its weights, or None for random ones.
        weights_folder: where that file lies.
        field: where the name stands in the specification, for messages.
        settings: passed on to timm.

    Raises:
        ValueError: timm has no network of that name, or the weight file is missing.
    """
    import timm

    if not timm.is_model(name):
        raise ValueError(f"{field} is {name!r}, which timm does not know. {nearest(name, timm.list_models())}")
    overlay = None
    if weights is not None:
        overlay = {"file": str(weights_file(weights, weights_folder)), "custom_load": False}
    network: nn.Module = timm.create_model(
        name, pretrained=overlay is not None, pretrained_cfg_overlay=overlay, **settings
    )
    return network


def is_vision_transformer(name: str) -> bool:
    """Whether it is one of timm's plain vision transformers."""
    from timm.models import is_model_in_modules

    found: bool = is_model_in_modules(name, "vision_transformer")
    return found


def normalisation_of(
    network: nn.Module, *, channels: int, pretrained: bool
) -> tuple[float | Sequence[float], float | Sequence[float]]:
    """Mean and deviation that the network's weights were trained under, or plain ones for random weights.

    One channel takes the mean over the colours; three take the colours' own.
    """
    if channels == 1:
        return IMAGENET_GREY if pretrained else PLAIN
    if not pretrained:
        return (PLAIN[0],) * 3, (PLAIN[1],) * 3
    settings: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
    return tuple(settings["mean"]), tuple(settings["std"])
