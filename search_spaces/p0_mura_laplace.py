"""Paper P0, Table 1: a small network on MURA's body parts, its posterior under three structures, tuned after training.

The official validation part is test. Batch size and epochs are not printed, so these are ours; the prior precision is chosen on
calib over a grid, where the paper cross-validates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.sweep import Sweep
from trainables.spec import (
    Aopc,
    Evaluation,
    Laplace,
    Mura,
    Optimizer,
    PaperCNN,
    Schedule,
    Split,
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


sweep = Sweep(
    name="p0_mura_laplace",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    member_seeds=0,
    posthoc=(
        Evaluation(),
        Temperature(),
        Laplace(hessian_structure="diag", prior_precision="grid"),
        Laplace(hessian_structure="full", prior_precision="grid"),
        Laplace(hessian_structure="kron", prior_precision="grid"),
        Aopc(images=200),
    ),
    description="Paper P0: body parts on MURA, last-layer Laplace under three structures.",
)
