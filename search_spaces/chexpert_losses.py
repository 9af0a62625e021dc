"""CheXpert: six ways to train one network, each once: the rows of paper P2's tables at the size of a workstation.

Cross entropy, focal, deep AUC, L_CD in one and in two stages, L_CD with L_SC. `orchestrator results chexpert_losses --metric
test/auroc/*` is the table of AUROC by label.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.on_disk import SIZE
from search_spaces.p2_parts import LOSSES, chexpert_trial, grid_sweep
from trainables.spec import Chexpert, Optimizer, Timm, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A row."""
    row = trial.suggest_categorical("row", list(LOSSES))
    spec = chexpert_trial(row, epochs=6, model=Timm(name="resnet18"), optimizer=Optimizer(learning_rate=1e-3))
    return replace(spec, data=Chexpert(size=SIZE))


sweep = grid_sweep("chexpert_losses", space, "CheXpert: cross entropy, focal, deep AUC and saliency losses, each once.")
