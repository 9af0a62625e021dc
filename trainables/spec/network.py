"""What a trial trains: the network. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.limits import require_rate


@dataclass(frozen=True, kw_only=True)
class SmallCNN:
    """Our own plain network: blocks of convolution, batch norm, ReLU and pooling, then global average pooling.

    Attributes:
        widths: channels of each block; every block halves the side.
        dropout: rate in front of the linear head.
    """

    kind: Literal["small_cnn"] = "small_cnn"
    widths: tuple[int, ...] = (16, 32, 64, 96)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_rate("model/dropout", self.dropout)
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"model/widths is {self.widths}; give at least one block, each with a channel or more.")


@dataclass(frozen=True, kw_only=True)
class Timm:
    """Any timm classifier by name.

    Attributes:
        name: timm's name, such as `resnet18` or `densenet121`.
        weights: file name of local weights (.safetensors or .pth) in the weights folder, or None for random ones. Its
            content, not its path, is part of the network's key.
        dropout: rate in front of the classifier.
        output_stride: pixels to a cell of the last feature map, 8 or 16, for networks that can keep it finer than their
            usual 32 (dilation in place of stride); small images then still end in a map worth explaining.
    """

    kind: Literal["timm"] = "timm"
    name: str
    weights: str | None = None
    dropout: float = 0.0
    output_stride: Literal[8, 16, 32] | None = None

    def __post_init__(self) -> None:
        require_rate("model/dropout", self.dropout)


ModelSpec: TypeAlias = SmallCNN | Timm
