"""Paper P1, Table 1: a large and a small network on MURA's body parts, 15 trainings of each, Laplace and ensembles of 2 to 15.

The first image of every study, as in the paper's code; the official validation part is test. Posteriors of every training by
marginal likelihood. Of each network the ensemble of all 15 has the table by size from random subsets of its members, with ECE
at 15 and at the paper's 5 bins. Maps of the members are aggregated as in Figures 1 to 4, and those of Laplace samples compared
with the network's, which the paper says are the same.
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
    PosthocSpec,
    Schedule,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

SEEDS, FEW_SEEDS = 15, 3
NETWORKS: dict[str, PaperCNN] = {name: PaperCNN(name=name) for name in ("p1_large", "p1_small")}


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One of the 15 trainings of one of the two networks."""
    return _training(trial, SEEDS)


def _training(trial: optuna.trial.BaseTrial, seeds: int) -> TrialSpec:
    return TrialSpec(
        data=Mura(size=256, first_image_only=True),
        split=Split(val=0.1, calib=0.05),
        model=NETWORKS[trial.suggest_categorical("network", list(NETWORKS))],
        optimizer=Optimizer(kind="adam", learning_rate=1e-3, weight_decay=1e-4),
        schedule=Schedule(epochs=25, batch_size=128, decay=PlateauDecay(patience_epochs=2), clip_norm=None),
        augmentation=P1,
        seed=trial.suggest_int("seed", 0, seeds - 1),
    )


def _tasks(seeds: int, sizes: tuple[int, ...], images: int) -> tuple[PosthocSpec, ...]:
    """The tasks of so many trainings of each network, with ensembles of these sizes."""
    among = [f"network={name}" for name in NETWORKS]
    return (
        Evaluation(),
        Temperature(),
        *(Laplace(hessian_structure=structure) for structure in ("diag", "kron", "full")),
        *(Ensemble(members="top", size=seeds, sizes=sizes, among=each) for each in among),
        *(Ensemble(members="top", size=seeds, of="laplace_kron", among=each) for each in among),
        *(EnsembleMaps(members="top", size=seeds, among=each, images=images) for each in among),
        EnsembleMaps(members="top", size=seeds, among=among[0], images=images, method="gradient"),
        MemberMaps(over="laplace", images=images),
        MemberMaps(over="laplace", images=images, method="gradient"),
    )


def _small_space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    return _training(trial, FEW_SEEDS)


def _small(spec: TrialSpec) -> TrialSpec:
    return smaller(spec, size=64, epochs=5, batch_size=32)


sweep = Sweep(
    name="p1_mura_ensembles",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    trials=len(NETWORKS) * SEEDS,
    member_seeds=0,
    posthoc=_tasks(SEEDS, (1, 2, 5, 10, 15), images=16),
    description="Paper P1: a large and a small network on MURA, Laplace and ensembles of 2 to 15.",
    small=Small(
        change=_small,
        embedded=Synthetic(images=800),
        space=_small_space,
        posthoc=_tasks(FEW_SEEDS, (1, 2, 3), images=8),
    ),
)
