"""Paper P3, what it left open: another head, better sampling than down-sampling, a map of the lungs as input.

One network of P3 (VGG16; `--set model/backbone=densenet201` takes the other) with one thing changed at a time, on all images of
every class: the first row down-samples the training images anew in each epoch, so that every row is judged on the same test
images. The U-Net that draws the lungs learns from the masks that come with the data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from search_spaces.objective import Objective
from search_spaces.p3_covid_aopc import paper_trial, small_trial
from search_spaces.sweep import Small, Sweep
from trainables.spec import (
    Aopc,
    CovidRadiography,
    Evaluation,
    FrozenHead,
    Lungs,
    Sampling,
    Synthetic,
    Temperature,
    TrialSpec,
    WeightedCrossEntropy,
)

if TYPE_CHECKING:
    import optuna

HEAD = FrozenHead(backbone="vgg16")
ALL_IMAGES = Sampling()
CHANGES: dict[str, dict[str, Any]] = {
    "paper": {},
    "linear_head": {"model": replace(HEAD, units=())},
    "wide_head": {"model": replace(HEAD, units=(256,), dropout=0.3)},
    "deep_head": {"model": replace(HEAD, units=(128, 64), dropout=0.3)},
    "average_pooling": {"model": replace(HEAD, pooling="average")},
    "all_images": {"sampling": ALL_IMAGES},
    "balanced_draws": {"sampling": Sampling(draw="balanced")},
    "weighted_loss": {"sampling": ALL_IMAGES, "loss": WeightedCrossEntropy()},
    "lung_mask": {"lungs": Lungs(how="mask")},
}
"""What a row has that the first one has not."""


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One of the rows."""
    paper = replace(paper_trial("vgg16"), data=CovidRadiography(size=299), sampling=Sampling(draw="down_sample"))
    return replace(paper, **CHANGES[trial.suggest_categorical("row", list(CHANGES))])


def small_row(spec: TrialSpec) -> TrialSpec:
    """As small as P3's, on the quicker of its two networks, which learns something without pretrained weights."""
    spec = small_trial(spec)
    if isinstance(spec.model, FrozenHead):
        spec = replace(spec, model=replace(spec.model, backbone="densenet201"))
    return spec


sweep = Sweep(
    name="p3_covid_open",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="grid",
    scheduler=None,
    member_seeds=0,
    posthoc=(Evaluation(), Temperature(), Aopc(cells=9, images=540)),
    description="Paper P3, what it left open: the head, sampling, and a map of the lungs as input.",
    small=Small(
        change=small_row,
        embedded=Synthetic(images=400, size=128, images_per_patient=1, lung_masks=True, healthy=0.5),
        posthoc=(Evaluation(), Temperature(), Aopc(cells=4, images=16)),
    ),
)
