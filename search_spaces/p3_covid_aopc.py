"""Paper P3: frozen VGG16 and DenseNet201 with a small head at 299 px, and Grad-CAM of both scored by AOPC.

Every class is down-sampled to the smallest; 80 / 10 / 10. The epoch with the best mean recall over the diseases is kept: where
a folder lacks one of them, name those it has with `--set schedule/best_classes=COVID,Lung_Opacity`. Pretrained weights are taken
from files: `--set model/weights=vgg16.safetensors`. The learning rate of Adam is not printed; ours is its usual 1e-3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.parts import smaller
from search_spaces.sweep import Small, Sweep
from trainables.spec import (
    Aopc,
    AopcStability,
    CovidRadiography,
    Evaluation,
    FrozenHead,
    Optimizer,
    Schedule,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

DISEASES = ("COVID", "Lung_Opacity", "Viral Pneumonia")


def paper_trial(backbone: str) -> TrialSpec:
    """One of the two networks as the paper trains it."""
    return TrialSpec(
        data=CovidRadiography(size=299, down_sample=True),
        split=Split(val=0.1, calib=0.0, test=0.1),
        model=FrozenHead(backbone=backbone),
        optimizer=Optimizer(kind="adam", learning_rate=1e-3, weight_decay=0.0),
        schedule=Schedule(
            epochs=20,
            decay="constant",
            clip_norm=None,
            best_metric="val/mean_recall",
            best_mode="max",
            best_classes=DISEASES,
        ),
    )


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One of the two."""
    return paper_trial(trial.suggest_categorical("backbone", ["vgg16", "densenet201"]))


def small_trial(spec: TrialSpec) -> TrialSpec:
    """At 128 px both maps are 4 x 4. Which classes are diseases depends on the folder, so the recall is over all of them."""
    spec = smaller(spec, size=128, epochs=5, batch_size=32)
    return replace(spec, schedule=replace(spec.schedule, best_classes=()))


sweep = Sweep(
    name="p3_covid_aopc",
    space=space,
    objectives=(Objective(metric="val/accuracy", mode="max"),),
    searcher="grid",
    member_seeds=0,
    posthoc=(
        Evaluation(),
        Temperature(),
        Aopc(cells=9, images=540),
        AopcStability(cells=(9,), images=12, noises=(0.1, 0.3)),  # whether their order survives, which P3 leaves open
    ),
    description="Paper P3: frozen VGG16 and DenseNet201 on COVID-19 Radiography, maps scored by AOPC.",
    small=Small(
        change=small_trial,
        embedded=Synthetic(images=320, size=128, images_per_patient=1),
        posthoc=(
            Evaluation(),
            Temperature(),
            Aopc(cells=9, images=16),  # enough of them for an interval
            AopcStability(cells=(9,), images=4, noises=(0.1, 0.3), perturbations=("mean",)),
        ),
    ),
)
