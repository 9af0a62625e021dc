"""Which network a trial trains. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from trainables.spec.limits import require_rate

Pooling: TypeAlias = Literal["max", "average", "none"]


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
        channels: of the first layer: 1 sums the filters of colour weights, 3 repeats the grey image instead.
        frozen: `backbone` trains the head alone; the name of a stage, such as `layer3`, trains what comes after it. What
            is frozen has no gradient, and its batch norms keep their statistics.
        feature_layer: the layer whose output is the feature map that explanations show, such as `layer3` or `features.29`;
            the last one where left out.
    """

    kind: Literal["timm"] = "timm"
    name: str
    weights: str | None = None
    dropout: float = 0.0
    output_stride: Literal[8, 16, 32] | None = None
    channels: Literal[1, 3] = 1
    frozen: str | None = None
    feature_layer: str | None = None

    def __post_init__(self) -> None:
        require_rate("model/dropout", self.dropout)


@dataclass(frozen=True, kw_only=True)
class FrozenHead:
    """Features of a frozen timm network, pooled and flattened, with a small dense network on top (paper P3).

    Grey images are repeated to three channels. The dense layers are as wide as the map, so images of another size than
    those it was trained on are refused.

    Attributes:
        backbone: timm's name, such as `vgg16` or `densenet201`.
        weights: file name of local weights in the weights folder, or None for random ones.
        pooling: how windows of `pool` x `pool` cells become one; `none` keeps every cell.
        pool: side of a window, which is also its step; cells that fill no window are left out.
        units: widths of the dense layers with ReLU in front of the last one; none for a linear head on the features.
        dropout: rate after each of them, or in front of the linear head.
    """

    kind: Literal["frozen_head"] = "frozen_head"
    backbone: str
    weights: str | None = None
    pooling: Pooling = "max"
    pool: int = 4
    units: tuple[int, ...] = (64,)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_rate("model/dropout", self.dropout)
        if self.pool < 1:
            raise ValueError(f"model/pool is {self.pool}; a window has a cell at least.")
        if self.units and min(self.units) < 1:
            raise ValueError(f"model/units is {self.units}; each dense layer has a unit or more.")


@dataclass(frozen=True, kw_only=True)
class PaperCNN:
    """A network of one of the papers that this project makes runnable; `docs/networks-and-training.md` says which.

    Attributes:
        name: `p0`, `p1_small`, `p1_large`, `p4_shallow` or `p4_deeper`.
        dropout: rate in front of the head and after each dense layer, or None for the paper's.
    """

    kind: Literal["paper_cnn"] = "paper_cnn"
    name: Literal["p0", "p1_small", "p1_large", "p4_shallow", "p4_deeper"]
    dropout: float | None = None

    def __post_init__(self) -> None:
        if self.dropout is not None:
            require_rate("model/dropout", self.dropout)


@dataclass(frozen=True, kw_only=True)
class Mimo:
    """One timm network that reads M images at once and answers for each with a head of its own (Havasi et al. 2021).

    In training the M images of a slot are different ones, so that M networks share one body; to predict, an image is given
    to all M inputs, and the M heads are the members of an ensemble that costs a single pass. The first layer is random for
    M inputs; with weights, the filters summed over the colours are repeated for each of the M inputs and divided by M, so
    that an image given M times looks to it as it does to the plain network. One member is the plain network.

    Attributes:
        name: timm's name, such as `resnet18` or `densenet121`.
        members: M, images at once and heads.
        input_repetition: share of the slots of a batch whose M images are the same one (the paper's rho).
        batch_repetition: how many slots of a step each image is in, for every input; the step costs as many times more.
        weights: file name of local weights in the weights folder, or None for random ones.
        dropout: rate in front of the heads.
        output_stride: pixels to a cell of the last feature map, see `Timm`.
        feature_layer: the layer whose output is the feature map that explanations show, see `Timm`.
    """

    kind: Literal["mimo"] = "mimo"
    name: str
    members: int = 3
    input_repetition: float = 0.0
    batch_repetition: int = 1
    weights: str | None = None
    dropout: float = 0.0
    output_stride: Literal[8, 16, 32] | None = None
    feature_layer: str | None = None

    def __post_init__(self) -> None:
        require_rate("model/dropout", self.dropout)
        if self.members < 1:
            raise ValueError(
                f"model/members is {self.members}; a network answers with a head at least. Give 1 or more."
            )
        if not 0 <= self.input_repetition <= 1:
            raise ValueError(
                f"model/input_repetition is {self.input_repetition}; it is a share of the batch and lies in [0, 1]: 0 for "
                "independent inputs, 1 for the same image at all of them."
            )
        if self.batch_repetition < 1:
            raise ValueError(
                f"model/batch_repetition is {self.batch_repetition}; each image is in a slot at least. Give 1 or more."
            )


ModelSpec: TypeAlias = SmallCNN | Timm | FrozenHead | PaperCNN | Mimo


def heads_of(model: ModelSpec) -> int:
    """Members that one pass of the network gives."""
    return model.members if isinstance(model, Mimo) else 1


def initial_weights(model: ModelSpec) -> str | None:
    """File name of the weights that training starts from, or None where they are drawn."""
    return model.weights if isinstance(model, Timm | FrozenHead | Mimo) else None


def without_weights(model: ModelSpec) -> ModelSpec:
    """The same network for weights that are about to be loaded, so that no file is asked for."""
    return replace(model, weights=None) if isinstance(model, Timm | FrozenHead | Mimo) else model
