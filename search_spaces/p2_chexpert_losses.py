"""Paper P2, Tables 4.2 and 4.3: cross entropy, focal and deep AUC after 5 epochs, before and after temperature scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.p2_parts import chexpert_trial, grid_sweep
from trainables.spec import TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A row of the table."""
    return chexpert_trial(trial.suggest_categorical("row", ["cross_entropy", "focal", "deep_auc"]), epochs=5)


sweep = grid_sweep("p2_chexpert_losses", space, "Paper P2: cross entropy, focal and deep AUC on CheXpert, calibrated.")
