"""Paper P1, Table 1: a large and a small network on MURA's body parts, Laplace by marginal likelihood, ensembles of 2 to 15.

The first image of every study, as in the paper's code; the official validation part is test. Ensembles are of the better
network; `--set network=p1_small` makes the other one's, under another `--name`. The largest ensemble also has the table by
size, from random subsets of its members, with ECE at 15 and at the paper's 5 bins. Maps of the members are aggregated as in
Figures 2 to 4, and those of Laplace samples compared with the network's, which the paper says are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.augmentations import P1
from search_spaces.objective import Objective
from search_spaces.parts import smaller
from search_spaces.sweep import Small, Sweep
from trainables.spec import (
    Ensemble,
    EnsembleMaps,
    Evaluation,
    Laplace,
    MemberMaps,
    Mura,
    Optimizer,
    PaperCNN,
    PlateauDecay,
    Schedule,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

NETWORKS: dict[str, PaperCNN] = {name: PaperCNN(name=name) for name in ("p1_large", "p1_small")}


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One of the two networks."""
    return TrialSpec(
        data=Mura(size=256, first_image_only=True),
        split=Split(val=0.1, calib=0.05),
        model=NETWORKS[trial.suggest_categorical("network", list(NETWORKS))],
        optimizer=Optimizer(kind="adam", learning_rate=1e-3, weight_decay=1e-4),
        schedule=Schedule(epochs=25, batch_size=128, decay=PlateauDecay(patience_epochs=2), clip_norm=None),
        augmentation=P1,
    )


LAPLACE = tuple(Laplace(hessian_structure=structure) for structure in ("diag", "kron", "full"))


def _small(spec: TrialSpec) -> TrialSpec:
    return smaller(spec, size=64, epochs=5, batch_size=32)


sweep = Sweep(
    name="p1_mura_ensembles",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    member_seeds=14,
    posthoc=(
        Evaluation(),
        Temperature(),
        *LAPLACE,
        *(Ensemble(members="seeds", size=size) for size in (2, 5, 10)),
        Ensemble(members="seeds", size=15, sizes=(1, 2, 5, 10, 15)),
        Ensemble(members="seeds", size=15, of="laplace_kron"),
        EnsembleMaps(members="seeds", size=15),
        MemberMaps(over="laplace"),
    ),
    description="Paper P1: a large and a small network on MURA, Laplace and ensembles of 2 to 15.",
    small=Small(
        change=_small,
        embedded=Synthetic(images=800),
        posthoc=(
            Evaluation(),
            Temperature(),
            *LAPLACE,
            Ensemble(members="seeds", size=2),
            Ensemble(members="seeds", size=5, sizes=(1, 2, 5)),
            Ensemble(members="seeds", size=5, of="laplace_kron"),
            EnsembleMaps(members="seeds", size=5, images=8),
            MemberMaps(over="laplace", images=8),
        ),
        member_seeds=4,
    ),
)
