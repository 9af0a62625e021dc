"""The demonstration: a small real search on embedded synthetic radiographs, with every post-hoc task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Aopc,
    Augmentation,
    Calibration,
    ClassDistinct,
    Conformal,
    CrossEntropy,
    Ensemble,
    EnsembleMaps,
    Evaluation,
    Focal,
    Laplace,
    LossSpec,
    ModelSpec,
    Optimizer,
    PixelBaseline,
    Schedule,
    SmallCNN,
    Synthetic,
    Temperature,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Backbone, loss with its own parameter, dropout and learning rate."""
    return TrialSpec(
        data=Synthetic(images=1280),
        model=_model(trial),
        loss=_loss(trial),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 8e-3, log=True)),
        schedule=Schedule(epochs=9, batch_size=32),
        augmentation=Augmentation(shift=0.04, brightness=0.05, contrast=0.1),
    )


def _model(trial: optuna.trial.BaseTrial) -> ModelSpec:
    dropout = trial.suggest_float("dropout", 0.0, 0.4)
    if trial.suggest_categorical("backbone", ["small_cnn", "test_resnet"]) == "small_cnn":
        return SmallCNN(dropout=dropout)
    return Timm(name="test_resnet", dropout=dropout, output_stride=8)


def _loss(trial: optuna.trial.BaseTrial) -> LossSpec:
    losses = ["cross_entropy", "weighted_cross_entropy", "focal", "class_distinct"]
    match trial.suggest_categorical("loss", losses):
        case "weighted_cross_entropy":
            return WeightedCrossEntropy()
        case "focal":
            return Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3.0))
        case "class_distinct":
            return ClassDistinct(lambda_cd=trial.suggest_float("loss/lambda_cd", 0.1, 2.0, log=True))
        case _:
            return CrossEntropy()


sweep = Sweep(
    name="demo",
    space=space,
    objectives=(Objective(metric="temperature/val/nll", mode="min"),),
    trials=8,
    scheduler=Asha(grace_epochs=3, reduction_factor=2),
    member_seeds=3,
    posthoc=(
        Evaluation(),
        Temperature(),
        Calibration(method="vector"),
        Conformal(),
        Laplace(hessian_structure="diag"),
        Laplace(hessian_structure="kron"),
        Laplace(hessian_structure="full"),
        Aopc(cells=8, images=48),
        PixelBaseline(),
        Ensemble(members="seeds", size=4),
        Ensemble(members="top", size=5),
        EnsembleMaps(members="seeds", size=4, images=6, cells=4),
    ),
    description="Embedded synthetic radiographs: backbone, loss, dropout and learning rate, with every post-hoc task.",
)
