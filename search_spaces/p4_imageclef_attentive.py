"""Paper P4, Table 1: a shallow network, a deeper one, and the deeper one with augmentation, on ImageCLEF 2009.

The attentive response maps of each (Figures 3 to 6) are a post-hoc task.
Classes of 50 images and more; 90 / 10. Epochs and optimiser are not printed, so these are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.augmentations import NONE, P4
from search_spaces.objective import Objective
from search_spaces.parts import smaller
from search_spaces.sweep import Small, Sweep
from trainables.spec import (
    AttentiveMaps,
    Evaluation,
    ImageClef,
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
    """A row of the table."""
    row = trial.suggest_categorical("row", ["shallow", "deeper", "deeper_augmented"])
    return TrialSpec(
        data=ImageClef(size=224),
        split=Split(val=0.05, calib=0.0, test=0.1),
        model=PaperCNN(name="p4_shallow" if row == "shallow" else "p4_deeper"),
        optimizer=Optimizer(kind="adam", learning_rate=1e-3, weight_decay=0.0),
        schedule=Schedule(epochs=30, batch_size=64),
        augmentation=P4 if row == "deeper_augmented" else NONE,
    )


def _small(spec: TrialSpec) -> TrialSpec:
    return smaller(spec, size=64, epochs=6, batch_size=32)


sweep = Sweep(
    name="p4_imageclef_attentive",
    space=space,
    objectives=(Objective(metric="val/accuracy", mode="max"),),
    searcher="grid",
    member_seeds=0,
    posthoc=(Evaluation(), Temperature(), AttentiveMaps()),
    description="Paper P4: networks of growing depth on ImageCLEF 2009.",
    small=Small(change=_small, embedded=Synthetic(images=800)),
)
