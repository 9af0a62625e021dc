"""Conformal prediction: sets of classes with a guaranteed coverage, for exchangeable images (Vovk et al. 2005).

A score says how badly a class fits an image. Its quantile over the true classes of calib is the threshold, and the set of
an image holds every class whose score does not exceed it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.metrics import class_names, prefixed
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, class_predictions
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predictions import Predictions
from trainables.spec import Conformal


def nonconformity(task: Conformal, probabilities: Tensor, draws: Tensor) -> Tensor:
    """Score of every class of every image, [images, classes]; large where it does not fit.

    - LAC (Sadinle et al. 2019): 1 - p.
    - APS (Romano et al. 2020): the probability of all likelier classes and of the class itself, of which only the drawn
      share u counts where sets are randomised. Equally likely classes are ranked by their number.
    - RAPS (Angelopoulos et al. 2021, equation 4): that plus penalty * max(0, rank - free_classes), ranks from 1.

    Args:
        task: its settings.
        probabilities: [images, classes].
        draws: [images], u in [0, 1), read where `task.randomised` is set.
    """
    if task.method == "lac":
        return 1 - probabilities
    ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
    own = draws[:, None] * ordered if task.randomised else ordered
    scores = ordered.cumsum(1) - ordered + own
    if task.method == "raps":
        ranks = torch.arange(1, probabilities.shape[1] + 1, dtype=scores.dtype)
        scores = scores + task.penalty * (ranks - task.free_classes).clamp_min(0)
    return torch.empty_like(scores).scatter(1, order, scores)


def threshold(scores: Tensor, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest of n scores; infinity where n is too small, and sets then hold all classes.

    With exchangeable images a new score lies at or below it with a probability of 1 - alpha at least, and of
    1 - alpha + 1 / (n + 1) at most if no scores are equal.

    Args:
        scores: [images of calib], of their true classes.
        alpha: share of images that may be missed.
    """
    place = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    return float(scores.sort().values[place - 1]) if place <= len(scores) else math.inf


def draws_of(image_ids: Sequence[str], seed: int) -> Tensor:
    """A number in [0, 1) for every image, from its id and the seed, so that the order of images changes no set."""
    digests = (hashlib.sha256(f"{seed}/conformal/{name}".encode()).digest() for name in image_ids)
    return torch.tensor([int.from_bytes(each[:6], "big") / 2**48 for each in digests], dtype=torch.float64)


def prediction_sets(task: Conformal, calib: Predictions, images: Predictions) -> tuple[Tensor, float]:
    """The sets of some images, [images, classes] bool, with the threshold that calib gives.

    Sets of APS and RAPS that are not randomised hold the most probable class in any case, so that none is empty.

    Raises:
        ValueError: some images are in both, so that they cannot be judged.
    """
    shared = set(calib.image_ids) & set(images.image_ids)
    if shared:
        raise ValueError(
            f"Conformal sets were asked for {len(shared)} images that the threshold is fitted on, such as {min(shared)!r}: "
            "their coverage would say nothing. Pass predictions of another split."
        )
    fitted = _scores(task, calib).gather(1, calib.targets[:, None])[:, 0]
    limit = threshold(fitted, task.alpha)
    sets = _scores(task, images) <= limit
    if task.method != "lac" and not task.randomised:
        sets.scatter_(1, images.pooled_log_probs().argmax(1)[:, None], value=True)
    return sets, limit


def set_metrics(sets: Tensor, targets: Tensor, classes: Sequence[str]) -> dict[str, float | None]:
    """What the sets are worth, None where there is no image to say it.

    - `coverage`: share of images whose set holds the true class; `coverage/<class>` of the images of a class.
    - `set_size`: mean number of classes; `single`: share of sets with one class; `empty`: with none.
    - `single_accuracy`: how often a set of one class is right.

    Args:
        sets: [images, classes], bool.
        targets: [images].
        classes: names in the order of the columns.
    """
    held, sizes = sets.gather(1, targets[:, None])[:, 0].double(), sets.sum(1)
    found = {
        "coverage": _mean(held),
        "set_size": _mean(sizes.double()),
        "single": _mean((sizes == 1).double()),
        "empty": _mean((sizes == 0).double()),
        "single_accuracy": _mean(held[sizes == 1]),
    }
    return found | {f"coverage/{name}": _mean(held[targets == n]) for n, name in enumerate(class_names(classes))}


def run(task: Conformal, network: TrainedNetwork) -> PosthocResult:
    """Threshold from calib, sets of test; the sets themselves are the tensor `sets/test`, rows as in the predictions.

    Raises:
        ValueError: the network predicts labels that do not exclude each other.
    """
    watch = Stopwatch()
    split, remarks = calibration_split(network.spec.split)
    with watch.stage("fit"):
        calib, test = (class_predictions(task, network, each) for each in (split, "test"))
        sets, limit = prediction_sets(task, calib, test)
    metrics = prefixed("test", set_metrics(sets, test.targets, network.classes))
    if math.isinf(limit):
        remarks += (
            f"{split} has {len(calib)} images, too few for a coverage of {1 - task.alpha:g}: every set holds all classes.",
        )
    return PosthocResult(
        metrics=metrics | {"calib/threshold": limit if math.isfinite(limit) else None},
        tensors={"sets/test": sets},
        remarks=remarks,
        seconds=watch.seconds,
    )


def _scores(task: Conformal, predictions: Predictions) -> Tensor:
    probabilities = predictions.pooled_log_probs().exp()
    return nonconformity(task, probabilities, draws_of(predictions.image_ids, task.seed))


def _mean(values: Tensor) -> float | None:
    return float(values.mean()) if len(values) else None
