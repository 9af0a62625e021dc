"""How a network is trained: the optimiser, and how long and in what steps. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from trainables.spec.limits import require_not_negative


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
class StepDecay:
    """The learning rate times `factor` after every so many epochs, counted from the end of the warm-up."""

    kind: Literal["step"] = "step"
    factor: float = 0.1
    every_epochs: int = 10

    def __post_init__(self) -> None:
        _factor(self.factor)
        _at_least_1("schedule/decay/every_epochs", self.every_epochs)


@dataclass(frozen=True, kw_only=True)
class PlateauDecay:
    """The learning rate times `factor` whenever the schedule's `best_metric` has stopped getting better.

    Attributes:
        patience_epochs: epochs in a row without a new best that are borne; one more, and the rate falls. Epochs of the
            warm-up do not count.
    """

    kind: Literal["plateau"] = "plateau"
    factor: float = 0.1
    patience_epochs: int = 2

    def __post_init__(self) -> None:
        _factor(self.factor)
        if self.patience_epochs < 0:
            raise ValueError(f"schedule/decay/patience_epochs is {self.patience_epochs}; it cannot be negative.")


MEAN_RECALL = "val/mean_recall"

NamedDecay: TypeAlias = Literal["cosine", "constant"]
Decay: TypeAlias = NamedDecay | StepDecay | PlateauDecay


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and in what steps a network is trained.

    Attributes:
        epochs: length of the schedule; a network is complete at its end or at its own early stop.
        batch_size: images a pass.
        accumulate: passes a step: their gradients are added up, so that a step sees `accumulate * batch_size` images.
        warmup_epochs: linear rise of the learning rate in front of the decay.
        decay: `cosine` to zero over the whole length, `constant`, `StepDecay` or `PlateauDecay`.
        cycles: times that `cosine` falls to zero, each from the full rate and as long as the others (Loshchilov and Hutter
            2017). Where there are several, the network keeps what it was at the end of each: the members of `Snapshots`.
        clip_norm: largest norm of the gradient, or None.
        best_metric: the epoch with the best value of this val metric gives the network's weights.
        best_mode: whether more or less of it is better.
        best_classes: with `val/mean_recall` the classes whose recalls are averaged; all of them if empty.
        patience: epochs without a new best after which training stops by itself, or None.
        average_decay: decay of a moving average of the weights, which then is what is evaluated and kept; or None.
        precision: `float32`, or autocast to `bfloat16` where the device has it, or to `float16` with a scaled loss on a
            CUDA device.
        compile: have torch compile the backbone's training passes: other kernels, and so other last bits. It pays off where
            many epochs of a large network earn back the minute that it takes.
    """

    epochs: int = 10
    batch_size: int = 32
    accumulate: int = 1
    warmup_epochs: float = 0.0
    decay: Decay = "cosine"
    cycles: int = 1
    clip_norm: float | None = 1.0
    best_metric: str = "val/nll"
    best_mode: Literal["min", "max"] = "min"
    best_classes: tuple[str, ...] = ()
    patience: int | None = None
    average_decay: float | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            _at_least_1(f"schedule/{name}", getattr(self, name))
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"schedule/warmup_epochs is {self.warmup_epochs} of {self.epochs} epochs; the warm-up ends before training."
            )
        if isinstance(self.decay, str) and self.decay not in get_args(NamedDecay):
            raise ValueError(
                f"schedule/decay is {self.decay!r}; give 'cosine', 'constant', StepDecay(...) or PlateauDecay(...)."
            )
        if self.average_decay is not None and not 0 < self.average_decay < 1:
            raise ValueError(f"schedule/average_decay is {self.average_decay}; it lies between 0 and 1.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"schedule/patience is {self.patience}; give at least 1 epoch, or none for no early stop.")
        if self.cycles != 1:
            self._require_cycles()
        self._require_best_rule()

    @property
    def cycle_ends(self) -> tuple[int, ...]:
        """Epochs at whose end a cycle is over; none of a schedule of one cycle."""
        if self.cycles == 1:
            return ()
        length = (self.epochs - round(self.warmup_epochs)) // self.cycles
        return tuple(range(self.epochs, 0, -length)[: self.cycles])[::-1]

    def _require_cycles(self) -> None:
        _at_least_1("schedule/cycles", self.cycles)
        if self.decay != "cosine":
            raise ValueError(
                f"schedule/cycles is {self.cycles}, and the decay is {self.decay!r}; only 'cosine' has cycles. Leave one out."
            )
        if (self.epochs - self.warmup_epochs) % self.cycles:
            raise ValueError(
                f"schedule/cycles is {self.cycles}, and {self.epochs - self.warmup_epochs:g} epochs after the warm-up are no "
                "whole number of epochs for each. Change schedule/epochs, so that a cycle ends with an epoch."
            )
        if self.patience is not None:
            raise ValueError(
                f"schedule/cycles is {self.cycles} and schedule/patience {self.patience}: every new cycle begins with a worse "
                "network, which an early stop would take for the end. Leave patience out."
            )

    def _require_best_rule(self) -> None:
        if not self.best_metric.startswith("val/"):
            raise ValueError(
                f"schedule/best_metric is {self.best_metric!r}; the best epoch is chosen on val. Use a name such as "
                "'val/nll'."
            )
        if self.best_classes and self.best_metric != MEAN_RECALL:
            raise ValueError(
                f"schedule/best_classes names {', '.join(self.best_classes)}, and schedule/best_metric is "
                f"{self.best_metric!r}. Classes are named for {MEAN_RECALL!r} only."
            )
        if "recall" in self.best_metric and self.best_mode == "min":
            raise ValueError(
                f"schedule/best_mode is 'min' and schedule/best_metric is {self.best_metric!r}: the epoch that finds least "
                "would be kept. Add best_mode='max'."
            )
        if len(set(self.best_classes)) != len(self.best_classes):
            raise ValueError(f"schedule/best_classes is {self.best_classes}; name each class once.")


def _factor(value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"schedule/decay/factor is {value}; it lies between 0 and 1.")


def _at_least_1(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1.")
