"""Augmentations by the paper that used them, for spaces that choose among them.

P2 and P3 print none. P1 prints its ranges; P4 names its changes without their ranges, so those are ours.
"""

from __future__ import annotations

from trainables.spec import Augmentation

NONE = Augmentation()
P1 = Augmentation(flip=True, rotate_degrees=10)
P2 = NONE
P3 = NONE
P4 = Augmentation(flip=True, shift=0.1, rotate_degrees=15, shear_degrees=10, stretch=0.1, crop=0.2)
CHEST = Augmentation(shift=0.04, rotate_degrees=5, zoom=0.05, brightness=0.05, contrast=0.1)
"""Mild, as two exposures of one patient differ; no flip, which would move the heart to the other side."""

BY_NAME: dict[str, Augmentation] = {"none": NONE, "P1": P1, "P4": P4, "chest": CHEST}
"""For `trial.suggest_categorical("augmentation", [*BY_NAME])`."""
