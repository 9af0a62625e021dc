"""CheXpert: a search over backbone, loss, dropout and, where the loss has it, lambda_1; poor trials end early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.on_disk import SIZE, draw, label_sweep
from trainables.spec import (
    Chexpert,
    ClassDistinct,
    CrossEntropy,
    Focal,
    LossSpec,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Backbone, loss with its own parameter, sampling, dropout and learning rate."""
    model = Timm(
        name=trial.suggest_categorical("backbone", ["resnet18", "densenet121"]),
        dropout=trial.suggest_float("dropout", 0.0, 0.3),
    )
    return draw(trial, Chexpert(size=SIZE), model=model, loss=_loss(trial), best_metric="val/auroc", one_class=False)


def _loss(trial: optuna.trial.BaseTrial) -> LossSpec:
    match trial.suggest_categorical("loss", ["cross_entropy", "weighted_cross_entropy", "focal", "class_distinct"]):
        case "focal":
            return Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3.0))
        case "class_distinct":
            return ClassDistinct(lambda_cd=trial.suggest_float("loss/lambda_cd", 0.2, 2.0))
        case "weighted_cross_entropy":
            return WeightedCrossEntropy()
        case _:
            return CrossEntropy()


sweep = label_sweep("chexpert_saliency", space, "CheXpert: backbone, loss, dropout and lambda_1.")
