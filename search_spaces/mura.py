"""MURA v1.1: body parts by default, `--set data/label=abnormality` for normal and abnormal.

The official validation part is the test split; `--set data/first_image_only=true` takes one image of each study (paper P1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.augmentations import P1
from search_spaces.on_disk import SIZE, class_sweep, draw
from trainables.spec import Mura, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; loss, sampling, dropout and learning rate vary."""
    return draw(trial, Mura(size=SIZE), augmentation=P1)


sweep = class_sweep(
    "mura",
    space,
    "MURA: the body part on a radiograph, or whether it is abnormal.",
)
