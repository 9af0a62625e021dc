"""Post-hoc task: members from one network by dropout that stays on (Gal and Ghahramani 2016)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.mc_dropout import mc_dropout_logits_of
from trainables.models import Classifier
from trainables.multilabel import AnyPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, evaluated_splits
from trainables.posthoc.judging import Members, judge_members
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predict import to_intensities
from trainables.spec import McDropout, SplitName, has_dropout

BATCH_SIZE = 64
"""Images at a time. The masks depend on an image's place in its batch, so this is fixed: part of the task's version."""


def run(task: McDropout, network: TrainedNetwork) -> PosthocResult:
    """Draw the members on val, calib and test from the images, pool them, calibrate the pool on calib.

    See `judge_members` for the names of what is found. The same task on the same network gives the same masks; a GPU draws
    others than a CPU.

    Raises:
        ValueError: a network without dropout, whose members would all be the same; images and predictions of a split are
            not in the same order.
    """
    if not has_dropout(network.spec.model):
        raise ValueError(
            f"The task 'mc_dropout' draws members by dropping units, and {network.key} has no dropout. Train it with "
            "model/dropout above 0, or take the task out of its posthoc."
        )
    watch = Stopwatch()
    with watch.stage("load"):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        classifier = network.classifier().to(device)
    with watch.stage("predict"):
        names = evaluated_splits(network.spec.split)
        splits: dict[str, AnyPredictions] = {split: _members(task, network, classifier, split) for split in names}
    return judge_members(Members(splits=splits), network, watch)


def _members(task: McDropout, network: TrainedNetwork, classifier: Classifier, split: SplitName) -> AnyPredictions:
    single, images = network.predictions(split), network.images(split)
    if single.image_ids != images.image_ids:
        raise ValueError(
            f"The predictions on {split!r} ({len(single)}) and the images of the split ({len(images)}) are not the same in "
            "the same order. Predict the split again from these images."
        )
    device = next(classifier.parameters()).device
    logits = mc_dropout_logits_of(classifier, _batches(images, device), samples=task.samples, seed=task.seed)
    return single.with_logits(logits)


def _batches(images: ImageSet, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), BATCH_SIZE):
        pixels = torch.from_numpy(np.array(images.pixels[start : start + BATCH_SIZE]))
        yield to_intensities(pixels.to(device))
