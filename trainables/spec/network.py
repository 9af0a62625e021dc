"""How a trial trains its network: loss and optimisation. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.ranges import not_negative as _not_negative
from trainables.spec.ranges import rate as _rate


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


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Adam or AdamW (decoupled weight decay) or SGD with momentum 0.9."""

    kind: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"optimizer/learning_rate is {self.learning_rate}; it must be above 0.")
        _not_negative("optimizer/weight_decay", self.weight_decay)


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
