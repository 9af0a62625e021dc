"""COVID-19 Radiography with lung masks: what a map of the lungs does for a classifier, left open by paper P3.

Three networks that differ in nothing else: the image alone, the image masked by the map, the map as a second channel. The maps
come from a small U-Net, trained once on the masks of the train split and shared by all trials.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from search_spaces.augmentations import CHEST
from search_spaces.objective import Objective
from search_spaces.on_disk import SIZE
from search_spaces.sweep import Sweep
from trainables.spec import (
    Aopc,
    CovidRadiography,
    Evaluation,
    Lungs,
    Optimizer,
    PixelBaseline,
    Schedule,
    Split,
    Temperature,
    Timm,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

USES: dict[str, Literal["mask", "channel"] | None] = {"none": None, "mask": "mask", "channel": "channel"}


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One of the three; `--set lungs=mask` takes it alone."""
    plain = TrialSpec(
        data=CovidRadiography(size=SIZE),
        split=Split(val=0.1, calib=0.08, test=0.15),
        model=Timm(name="resnet18", dropout=0.1),
        optimizer=Optimizer(learning_rate=1e-3, weight_decay=1e-3),
        schedule=Schedule(epochs=20, batch_size=32, warmup_epochs=1.0, average_decay=0.95),
        augmentation=CHEST,
    )
    how = USES[trial.suggest_categorical("lungs", list(USES))]
    return plain if how is None else replace(plain, lungs=Lungs(how=how))


sweep = Sweep(
    name="covid_lungs",
    space=space,
    objectives=(Objective(metric="temperature/val/nll", mode="min"),),
    searcher="grid",
    scheduler=None,
    member_seeds=0,
    posthoc=(Evaluation(), Temperature(), Aopc(cells=9, images=40), PixelBaseline()),
    description="COVID-19 Radiography with lung masks: the image alone, masked by a map of the lungs, or beside it.",
)
