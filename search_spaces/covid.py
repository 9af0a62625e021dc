"""Real chest radiographs in the COVID-19 Radiography layout: sized for two CPU cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Aopc,
    Augmentation,
    CovidRadiography,
    CrossEntropy,
    Ensemble,
    Evaluation,
    Focal,
    Laplace,
    LossSpec,
    Optimizer,
    PixelBaseline,
    Schedule,
    Split,
    Temperature,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18 at 128 px; loss, dropout and learning rate vary (`--set model/name=densenet121` takes another network).

    Data sets of this layout are small as often as large: two thirds of the patients are trained on, for long enough that
    a network without pretrained weights fits them, and the weights are averaged over about an epoch.
    """
    return TrialSpec(
        data=CovidRadiography(size=128),
        split=Split(val=0.1, calib=0.08, test=0.15),
        model=Timm(name="resnet18", dropout=trial.suggest_float("dropout", 0.0, 0.3)),
        loss=_loss(trial),
        optimizer=Optimizer(
            learning_rate=trial.suggest_float("learning_rate", 7e-4, 2e-3, log=True), weight_decay=1e-3
        ),
        schedule=Schedule(epochs=30, batch_size=32, warmup_epochs=1.0, average_decay=0.95),
        augmentation=Augmentation(flip=True, shift=0.05, rotate_degrees=7, zoom=0.1, brightness=0.1, contrast=0.2),
    )


def _loss(trial: optuna.trial.BaseTrial) -> LossSpec:
    match trial.suggest_categorical("loss", ["cross_entropy", "weighted_cross_entropy", "focal"]):
        case "weighted_cross_entropy":
            return WeightedCrossEntropy()
        case "focal":
            return Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 2.5))
        case _:
            return CrossEntropy(label_smoothing=trial.suggest_float("loss/label_smoothing", 0.0, 0.1))


sweep = Sweep(
    name="covid",
    space=space,
    objectives=(Objective(metric="temperature/val/nll", mode="min"),),
    trials=4,
    scheduler=Asha(grace_epochs=8, reduction_factor=2),
    member_seeds=1,
    posthoc=(
        Evaluation(),
        Temperature(),
        Laplace(hessian_structure="diag"),
        Laplace(hessian_structure="kron"),
        Laplace(hessian_structure="full"),
        Aopc(cells=9, images=40),
        PixelBaseline(),
        Ensemble(members="seeds", size=2),
        Ensemble(members="top", size=4),
        Ensemble(members="greedy", size=10),
    ),
    description="COVID-19 Radiography layout: a ResNet-18 at 128 px, chosen by reliability.",
)
