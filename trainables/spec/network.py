"""What a trial trains: the network and its loss. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


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
        _rate("model/dropout", self.dropout)
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
        _rate("model/dropout", self.dropout)


ModelSpec: TypeAlias = SmallCNN | Timm


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Cross entropy, with label smoothing if asked for."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _rate("loss/label_smoothing", self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class WeightedCrossEntropy:
    """Cross entropy weighted by the inverse class frequency of the training split."""

    kind: Literal["weighted_cross_entropy"] = "weighted_cross_entropy"


@dataclass(frozen=True, kw_only=True)
class Focal:
    """Focal loss, the mean of (1 - p)^gamma (-log p) (Lin et al. 2017)."""

    kind: Literal["focal"] = "focal"
    gamma: float = 2.0

    def __post_init__(self) -> None:
        _not_negative("loss/gamma", self.gamma)


@dataclass(frozen=True, kw_only=True)
class ClassDistinct:
    """Cross entropy + lambda_cd * L_CD: Grad-CAM maps of different classes shall differ (paper P2).

    L_CD is the mean cosine similarity of the maps over pairs of classes.
    """

    kind: Literal["class_distinct"] = "class_distinct"
    lambda_cd: float = 1.0

    def __post_init__(self) -> None:
        _not_negative("loss/lambda_cd", self.lambda_cd)


LossSpec: TypeAlias = CrossEntropy | WeightedCrossEntropy | Focal | ClassDistinct


def _rate(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; it lies in [0, 1).")


def _not_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} is {value}; it cannot be negative.")
