"""Parts that search spaces are put together from: each draws one piece of a trial, with its own conditional parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainables.spec import (
    CrossEntropy,
    Focal,
    FrozenHead,
    LossSpec,
    Optimizer,
    Pooling,
    Sampling,
    Timm,
    TrialSpec,
    UncertainPolicy,
    WeightedCrossEntropy,
)

if TYPE_CHECKING:
    import optuna

UNCERTAIN: tuple[UncertainPolicy, ...] = ("zeros", "ones", "ignore", "smoothed")


def resnet(trial: optuna.trial.BaseTrial, name: str = "resnet18") -> Timm:
    """A timm network with dropout in front of its head."""
    return Timm(name=name, dropout=trial.suggest_float("dropout", 0.0, 0.3))


POOLINGS: dict[str, Pooling] = {"max": "max", "average": "average", "none": "none"}


def frozen_head(trial: optuna.trial.BaseTrial, backbone: str = "vgg16", weights: str | None = None) -> FrozenHead:
    """A dense network on frozen features: its depth, width, pooling and dropout are drawn, the backbone is not."""
    depth = trial.suggest_int("head/depth", 0, 2)
    units = trial.suggest_categorical("head/units", [32, 64, 128]) if depth else 0
    pooling = POOLINGS[trial.suggest_categorical("head/pooling", list(POOLINGS))]
    return FrozenHead(
        backbone=backbone,
        weights=weights,
        pooling=pooling,
        units=(units,) * depth,
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
    )


def imbalance_loss(trial: optuna.trial.BaseTrial) -> LossSpec:
    """Cross entropy, weighted by class or label, or focal: three answers to imbalance."""
    match trial.suggest_categorical("loss", ["cross_entropy", "weighted_cross_entropy", "focal"]):
        case "weighted_cross_entropy":
            return WeightedCrossEntropy()
        case "focal":
            return Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 2.5))
        case _:
            return CrossEntropy()


def adamw(trial: optuna.trial.BaseTrial, low: float = 3e-4, high: float = 2e-3) -> Optimizer:
    """AdamW with its learning rate on a log scale."""
    return Optimizer(learning_rate=trial.suggest_float("learning_rate", low, high, log=True), weight_decay=1e-3)


SAMPLINGS: dict[str, Sampling] = {
    "shuffle": Sampling(),
    "balanced": Sampling(draw="balanced"),
    "down_sample": Sampling(draw="down_sample"),
}


def sampling(trial: optuna.trial.BaseTrial, *, down_sample: bool = True) -> Sampling:
    """Which training images an epoch shows; down-sampling is for one class an image only."""
    names = [name for name in SAMPLINGS if down_sample or name != "down_sample"]
    return SAMPLINGS[trial.suggest_categorical("sampling", names)]


def uncertain_policy(trial: optuna.trial.BaseTrial) -> tuple[UncertainPolicy, ...]:
    """One policy for the uncertain labels of all findings."""
    chosen = trial.suggest_categorical("uncertain", list(UNCERTAIN))
    return tuple(policy for policy in UNCERTAIN if policy == chosen)


def smaller(spec: TrialSpec, *, size: int, epochs: int, batch_size: int, first_epochs: int = 1) -> TrialSpec:
    """The same trial on smaller images, with so many epochs and smaller batches; a first stage has epochs of its own."""
    first = spec.first_stage
    if first is not None:
        first = replace(first, schedule=replace(first.schedule, epochs=first_epochs, batch_size=batch_size))
    return replace(
        spec,
        data=replace(spec.data, size=size),
        schedule=replace(spec.schedule, epochs=epochs, batch_size=batch_size),
        first_stage=first,
    )
