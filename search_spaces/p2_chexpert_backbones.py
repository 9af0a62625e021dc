"""Paper P2: three backbones after 15 epochs of cross entropy; each reached a mean AUC over 0.8."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.p2_parts import SMALL, chexpert_trial, grid_sweep
from search_spaces.parts import smaller
from trainables.spec import Timm, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A backbone."""
    name = trial.suggest_categorical("backbone", ["densenet121", "resnet101", "vgg19"])
    return chexpert_trial("cross_entropy", epochs=15, model=Timm(name=name))


def _small(spec: TrialSpec) -> TrialSpec:
    """The three backbones themselves, in 2 epochs: they are what is compared."""
    return smaller(spec, size=64, epochs=2, batch_size=32)


sweep = replace(
    grid_sweep("p2_chexpert_backbones", space, "Paper P2: DenseNet-121, ResNet-101 and VGG-19 on CheXpert."),
    small=replace(SMALL, change=_small),
)
