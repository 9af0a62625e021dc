"""What a trial trains: the network, and how long and in what steps. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.limits import require_not_negative, require_rate


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


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Adam or AdamW (decoupled weight decay) or SGD with momentum 0.9, or PESG for the AUC margin loss.

    Attributes:
        kind: `pesg` is gradient descent with a proximal term (Yuan et al. 2021); it wants larger learning rates than Adam,
            such as 0.1.
        epoch_decay: pull of `pesg` towards the mean weights of the epoch before; 0.002 if left out.
    """

    kind: Literal["adam", "adamw", "sgd", "pesg"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    epoch_decay: float | None = None

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"optimizer/learning_rate is {self.learning_rate}; it must be above 0.")
        require_not_negative("optimizer/weight_decay", self.weight_decay)
        require_not_negative("optimizer/epoch_decay", self.epoch_decay or 0.0)
        if self.epoch_decay is not None and self.kind != "pesg":
            raise ValueError(
                f"optimizer/epoch_decay is {self.epoch_decay}, and the optimiser is {self.kind!r}; only 'pesg' has one. "
                "Leave it out."
            )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and in what steps a network is trained.

    Attributes:
        epochs: length of the schedule; a network is complete at its end or at its own early stop.
        batch_size: images a step.
        warmup_epochs: linear rise of the learning rate in front of the cosine.
        decay: `cosine` to zero over the whole length, or `constant`.
        clip_norm: largest norm of the gradient, or None.
        best_metric: the epoch with the best value of this val metric gives the network's weights.
        best_mode: whether more or less of it is better.
        patience: epochs without a new best after which training stops by itself, or None.
        average_decay: decay of a moving average of the weights, which then is what is evaluated and kept; or None.
        precision: `float32`, or `bfloat16` autocast where the device has it.
    """

    epochs: int = 10
    batch_size: int = 32
    warmup_epochs: float = 0.0
    decay: Literal["cosine", "constant"] = "cosine"
    clip_norm: float | None = 1.0
    best_metric: str = "val/nll"
    best_mode: Literal["min", "max"] = "min"
    patience: int | None = None
    average_decay: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"schedule/{name} is {getattr(self, name)}; it must be at least 1.")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"schedule/warmup_epochs is {self.warmup_epochs} of {self.epochs} epochs; the warm-up ends before training."
            )
        if self.average_decay is not None and not 0 < self.average_decay < 1:
            raise ValueError(f"schedule/average_decay is {self.average_decay}; it lies between 0 and 1.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"schedule/patience is {self.patience}; give at least 1 epoch, or none for no early stop.")
        if not self.best_metric.startswith("val/"):
            raise ValueError(
                f"schedule/best_metric is {self.best_metric!r}; the best epoch is chosen on val. Use a name such as "
                "'val/nll'."
            )
