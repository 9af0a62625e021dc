"""Images or DICOM files in one folder a class, also inside `train`, `val` and `test` folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.on_disk import SIZE, class_sweep, draw
from trainables.spec import ImageFolder, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; loss, sampling, dropout and learning rate vary."""
    return draw(trial, ImageFolder(size=SIZE))


sweep = class_sweep(
    "folder",
    space,
    "A folder a class, images or DICOM files in it.",
)
