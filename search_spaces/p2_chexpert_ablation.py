"""Paper P2, Table 4.1: cross entropy against L_CD in one and in two stages after 15 epochs, and a row of ours with L_SC.

A fifth row is the weighted cross entropy alone, of which the paper prints two labels in its text and no settings: ours are those of
the others.

Whether the paper starts from pretrained weights is contradictory in its text: `--set model/weights=FILE` takes a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.p2_parts import chexpert_trial, grid_sweep
from trainables.spec import TrialSpec

if TYPE_CHECKING:
    import optuna

ROWS = ["cross_entropy", "one_stage", "two_stage", "with_consistency", "weighted_cross_entropy"]


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A row of the table."""
    return chexpert_trial(trial.suggest_categorical("row", ROWS), epochs=15)


sweep = grid_sweep("p2_chexpert_ablation", space, "Paper P2: saliency losses on CheXpert, in one and in two stages.")
