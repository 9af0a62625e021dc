"""What the spaces over data sets on disk have in common: a ResNet-18, sized for a workstation and easily changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.augmentations import CHEST
from search_spaces.objective import Objective
from search_spaces.parts import adamw, imbalance_loss, resnet, sampling
from search_spaces.sweep import Asha, Space, Sweep
from trainables.spec import (
    Aopc,
    Augmentation,
    Calibration,
    Conformal,
    Ensemble,
    Evaluation,
    FileSpec,
    Laplace,
    LossSpec,
    ModelSpec,
    PixelBaseline,
    PosthocSpec,
    Schedule,
    Shift,
    Split,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

SIZE = 128
"""Pixels a side; `--set data/size=224` takes more."""

CLASS_TASKS: tuple[PosthocSpec, ...] = (
    Evaluation(),
    Temperature(),
    Calibration(method="vector"),
    Calibration(method="isotonic"),
    Conformal(),
    Shift(),
    Laplace(hessian_structure="diag"),
    Laplace(hessian_structure="kron"),
    Aopc(cells=8, images=100),
    PixelBaseline(),
    Ensemble(members="top", size=4),
    Ensemble(members="greedy", size=10),
)
LABEL_TASKS: tuple[PosthocSpec, ...] = (
    Evaluation(),
    Temperature(),
    Calibration(method="temperature_per_label"),
    Calibration(method="platt"),
    Laplace(hessian_structure="kron"),
    Shift(),
    Aopc(cells=8, images=50),
    PixelBaseline(),
    Ensemble(members="top", size=4),
    Ensemble(members="greedy", size=10),
)


def draw(
    trial: optuna.trial.BaseTrial,
    data: FileSpec,
    *,
    split: Split | None = None,
    augmentation: Augmentation = CHEST,
    best_metric: str = "val/nll",
    one_class: bool = True,
    model: ModelSpec | None = None,
    loss: LossSpec | None = None,
) -> TrialSpec:
    """Loss, sampling, dropout and learning rate vary; `--set model/name=densenet121` takes another network.

    Args:
        trial: draws.
        data: the data set.
        split: shares of the splits.
        augmentation: changes of training images.
        best_metric: its best epoch gives the weights.
        one_class: whether an image always has one class; otherwise no sampling is drawn that needs that.
        model: in place of the ResNet.
        loss: in place of one that is drawn.
    """
    return TrialSpec(
        data=data,
        split=split or Split(),
        model=model or resnet(trial),
        loss=loss or imbalance_loss(trial),
        optimizer=adamw(trial),
        schedule=Schedule(
            epochs=20,
            batch_size=32,
            warmup_epochs=1.0,
            average_decay=0.95,
            best_metric=best_metric,
            best_mode="min" if best_metric == "val/nll" else "max",
        ),
        augmentation=augmentation,
        sampling=sampling(trial, down_sample=one_class),
    )


def class_sweep(name: str, space: Space, description: str) -> Sweep:
    """A search by calibrated likelihood, with every post-hoc task."""
    return Sweep(
        name=name,
        space=space,
        objectives=(Objective(metric="temperature/val/nll", mode="min"),),
        trials=6,
        scheduler=Asha(grace_epochs=5, reduction_factor=2),
        member_seeds=0,
        posthoc=CLASS_TASKS,
        description=description,
    )


def label_sweep(name: str, space: Space, description: str) -> Sweep:
    """A search by the mean area under the ROC curve of the labels."""
    return Sweep(
        name=name,
        space=space,
        objectives=(Objective(metric="val/auroc", mode="max"),),
        trials=6,
        scheduler=Asha(grace_epochs=5, reduction_factor=2),
        member_seeds=0,
        posthoc=LABEL_TASKS,
        description=description,
    )
