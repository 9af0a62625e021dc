"""Paper P0, Table 1: a small network on MURA's body parts, its posterior under three structures, tuned after training.

The official validation part is test. Batch size and epochs are not printed, so these are ours; the prior precision is chosen on
calib over a grid, where the paper cross-validates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.parts import smaller
from search_spaces.sweep import Small, Sweep
from trainables.spec import (
    Aopc,
    Evaluation,
    Laplace,
    MemberMaps,
    Mura,
    Optimizer,
    PaperCNN,
    Schedule,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """The paper's one network; nothing is drawn."""
    return TrialSpec(
        data=Mura(size=224),
        split=Split(val=0.1, calib=0.05),
        model=PaperCNN(name="p0"),
        optimizer=Optimizer(kind="adam", learning_rate=1e-3, weight_decay=0.0),
        schedule=Schedule(epochs=20, batch_size=64, decay="constant", clip_norm=None),
    )


LAPLACE = tuple(Laplace(hessian_structure=structure, prior_precision="grid") for structure in ("diag", "full", "kron"))


def _small(spec: TrialSpec) -> TrialSpec:
    """A network with average pooling learns slowly: of few images it needs more epochs than the paper's of many."""
    return smaller(spec, size=64, epochs=30, batch_size=32)


sweep = Sweep(
    name="p0_mura_laplace",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    member_seeds=0,
    posthoc=(
        Evaluation(),
        Temperature(),
        *LAPLACE,
        Aopc(explainer="cam", images=200),  # Figure 3
        MemberMaps(over="laplace"),  # how sure it is of regions, which the paper leaves open
    ),
    description="Paper P0: body parts on MURA, last-layer Laplace under three structures.",
    small=Small(
        change=_small,
        embedded=Synthetic(images=800),
        posthoc=(
            Evaluation(),
            Temperature(),
            *LAPLACE,
            Aopc(explainer="cam", images=24, cells=8),
            MemberMaps(images=8),
        ),
    ),
)
