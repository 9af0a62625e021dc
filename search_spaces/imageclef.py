"""ImageCLEF medical annotation: classes of 50 images and more, a tenth of them in test (paper P4).

`--set data/axes=A --set data/depth=2` makes classes of the anatomical axis of an IRMA code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.augmentations import P4
from search_spaces.on_disk import SIZE, class_sweep, draw
from trainables.spec import ImageClef, Split, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; loss, sampling, dropout and learning rate vary."""
    return draw(trial, ImageClef(size=SIZE), split=Split(val=0.1, calib=0.05, test=0.1), augmentation=P4)


sweep = class_sweep(
    "imageclef",
    space,
    "ImageCLEF medical annotation (IRMA): what a radiograph shows.",
)
