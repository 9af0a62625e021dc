"""A two-dimensional MedMNIST file in its own size, with its official splits; a calib split is taken from train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.on_disk import class_sweep, draw
from trainables.spec import MedMnist, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; loss, sampling, dropout and learning rate vary."""
    return draw(trial, MedMnist(size=None), one_class=False)


sweep = class_sweep(
    "medmnist",
    space,
    "A MedMNIST file with its official splits.",
)
