"""From images to studies: the views of one visit are judged together, as a radiologist reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainables.metrics import evaluate
from trainables.multilabel import AnyPredictions, MultiLabelPredictions, outcomes_of
from trainables.predictions import LEAST_LOG_PROB, Predictions


def pool_studies(predictions: AnyPredictions, studies: Sequence[str]) -> tuple[AnyPredictions | None, int]:
    """One row a study: every member's probability is the mean over the study's images.

    A study has the class of its images; one whose images are of several classes is left out. A study has a label if any of
    its images has it, and it is unknown where it is unknown in all of them.

    Args:
        predictions: of images.
        studies: [images], name of each one's study.

    Returns:
        Predictions whose ids are the studies, sorted; None where none is left. And how many were left out.

    Raises:
        ValueError: another number of names than of images.
    """
    if len(studies) != len(predictions):
        raise ValueError(
            f"pool_studies() was given {len(studies)} studies for predictions of {len(predictions)} images. Pass one an image."
        )
    names = sorted(set(studies))
    number = {name: n for n, name in enumerate(names)}
    place = torch.tensor([number[name] for name in studies])
    if isinstance(predictions, MultiLabelPredictions):
        return _pool_labels(predictions, names, place), 0
    return _pool_classes(predictions, names, place)


def study_metrics(
    predictions: AnyPredictions, studies: Sequence[str] | None, classes: Sequence[str]
) -> tuple[Mapping[str, float | None], tuple[str, ...]]:
    """Metrics of the studies as `split/study_<metric>`, those by class left out, and remarks for the report.

    Empty where studies are not known or none has two images: then they are those of the images.
    """
    if studies is None or len(set(studies)) == len(studies):
        return {}, ()
    pooled, left_out = pool_studies(predictions, studies)
    remarks: tuple[str, ...] = ()
    if left_out:
        remarks = (
            f"{left_out} of {len(set(studies))} studies on {predictions.split} hold images of several classes and are left "
            "out of the metrics of studies.",
        )
    if pooled is None:
        return {}, remarks
    values = evaluate(pooled, classes)
    return {f"{predictions.split}/study_{name}": value for name, value in values.items() if "/" not in name}, remarks


def _pool_classes(predictions: Predictions, names: Sequence[str], place: Tensor) -> tuple[Predictions | None, int]:
    log_probs = _log_means(predictions.log_probs(), place, len(names)).clamp_min(LEAST_LOG_PROB)
    held = torch.zeros(len(names), predictions.classes, dtype=torch.bool)
    held[place, predictions.targets.cpu()] = True
    kept = held.sum(1) == 1
    if not bool(kept.any()):
        return None, len(names)
    pooled = Predictions(
        logits=log_probs[:, kept],
        targets=held.int().argmax(1)[kept],
        image_ids=tuple(name for name, keep in zip(names, kept.tolist(), strict=True) if keep),
        split=predictions.split,
    )
    return pooled, int((~kept).sum())


def _pool_labels(predictions: MultiLabelPredictions, names: Sequence[str], place: Tensor) -> MultiLabelPredictions:
    absent, present = _log_means(outcomes_of(predictions.logits), place, len(names)).unbind(-1)
    targets = predictions.targets.nan_to_num(nan=-1.0).cpu()
    largest = torch.full((len(names), predictions.labels), -1.0, dtype=targets.dtype)
    largest = largest.scatter_reduce(0, place[:, None].expand_as(targets), targets, "amax")
    return MultiLabelPredictions(
        logits=present - absent,
        targets=torch.where(largest < 0, torch.nan, largest),
        image_ids=tuple(names),
        split=predictions.split,
    )


def _log_means(log_probs: Tensor, place: Tensor, studies: int) -> Tensor:
    """Logarithm of the mean probability over each study's images, from [members, images, ...] to [members, studies, ...].

    The largest of a study's logarithms is taken out before the exponential, so that no sum becomes 0.
    """
    values = log_probs.cpu()
    shape = (values.shape[0], studies, *values.shape[2:])
    index = place.reshape(1, -1, *[1] * (values.ndim - 2)).expand_as(values)
    largest = torch.full(shape, -math.inf, dtype=values.dtype).scatter_reduce(1, index, values, "amax")
    sums = torch.zeros(shape, dtype=values.dtype).scatter_add(1, index, (values - largest.gather(1, index)).exp())
    counts = torch.bincount(place, minlength=studies).reshape(1, -1, *[1] * (values.ndim - 2))
    return largest + sums.log() - counts.log()
