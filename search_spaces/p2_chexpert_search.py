"""Paper P2, Figures 4.3 and 4.4: grids over learning rate and dropout rate with 50 epochs, and over lambda_1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.p2_parts import ADAM, BACKBONE, SALIENCY, chexpert_trial, grid_sweep
from trainables.spec import Timm, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A point of one of the three lines; the values on them are not all printed, so these are ours."""
    match trial.suggest_categorical("line", ["learning_rate", "dropout", "lambda_cd"]):
        case "learning_rate":
            rate = trial.suggest_categorical("learning_rate", [1e-5, 3e-5, 1e-4, 3e-4, 1e-3])
            return chexpert_trial("cross_entropy", epochs=50, optimizer=replace(ADAM, learning_rate=rate))
        case "dropout":
            rate = trial.suggest_categorical("dropout", [0.0, 0.1, 0.2, 0.3, 0.5])
            return chexpert_trial("cross_entropy", epochs=50, model=Timm(name=BACKBONE, dropout=rate))
        case _:
            weight = trial.suggest_categorical("lambda_cd", [0.2, 0.6, 1.0, 1.4, 1.8])
            return chexpert_trial("one_stage", epochs=15, loss=replace(SALIENCY, lambda_cd=weight))


sweep = grid_sweep("p2_chexpert_search", space, "Paper P2: grids over learning rate, dropout and lambda_1 on CheXpert.")
