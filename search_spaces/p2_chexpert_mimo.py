"""Paper P2: MIMO networks of one to four heads on CheXpert, next to one network and to deep ensembles.

Settings are those of the 5-epoch table with cross entropy; P2 does not print those of its MIMO networks, so inputs are
independent and batches are not repeated unless `--set model/input_repetition=0.5` or `--set model/batch_repetition=4` say so.

Every row predicts an image in one forward pass. Ensembles of 2 and 4 are of the best row and cost a pass a network: if that
row is a MIMO network, they pool the heads of all. `--set row=network` under another `--name` makes those of the plain one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.p2_parts import BACKBONE, SMALL, chexpert_trial, grid_sweep
from trainables.spec import Ensemble, Evaluation, Mimo, ModelSpec, Temperature, Timm, TrialSpec

if TYPE_CHECKING:
    import optuna

MODELS: dict[str, ModelSpec] = {
    "network": Timm(name=BACKBONE),
    **{f"mimo_{members}": Mimo(name=BACKBONE, members=members) for members in (1, 2, 3, 4)},
}
"""By the name of a row; a MIMO network of one member is the plain network, trained in the same way."""


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One network, or a MIMO network."""
    return chexpert_trial("cross_entropy", epochs=5, model=MODELS[trial.suggest_categorical("row", list(MODELS))])


sweep = replace(
    grid_sweep("p2_chexpert_mimo", space, "Paper P2: MIMO networks of 1 to 4 heads on CheXpert, and deep ensembles."),
    member_seeds=3,
    posthoc=(
        Evaluation(),
        Temperature(),
        Ensemble(members="seeds", size=2),
        Ensemble(members="seeds", size=4),
    ),
    small=replace(SMALL, member_seeds=1, posthoc=(Evaluation(), Temperature(), Ensemble(members="seeds", size=2))),
)
