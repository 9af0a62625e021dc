"""A linear model on the pixels of the same splits: what a network must beat to have learnt anything about shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainables.data.images import ImageSet, Rows
from trainables.metrics import evaluate_splits, headline
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.interface import PosthocResult
from trainables.posthoc.one_vs_rest import (
    LabelModel,
    fit_labels,
    label_logits,
    logistic_regression,
    unfitted_remarks,
)
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predictions import Predictions
from trainables.spec import SPLITS, PixelBaseline

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
_AT_ONCE = 1024


def run(task: PixelBaseline, images: ImageSet) -> PosthocResult:
    """Fit multinomial logistic regression on standardised pixels of train, its penalty chosen on val.

    Labels that do not exclude each other get a regression each, under the same penalty.

    The images are reduced to `task.size` pixels a side by area averaging, which the linear model gains from.
    Metrics are `split/metric` as of every network; `val/inverse_penalty` is the chosen strength.

    Args:
        task: size of the reduced image.
        images: the whole data set with its splits.
    """
    watch = Stopwatch()
    with watch.stage("load"):
        flat = reduced(images.pixels, task.size)
        train = images.splits == "train"
        mean, deviation = flat[train].mean(0), flat[train].std(0) + 1e-6
        flat = (flat - mean) / deviation
    with watch.stage("fit"):
        fit, predict = (fit_labels, _predict_labels) if images.multilabel else (logistic_regression, _predict)
        fitted = [fit(flat[train], images.targets[train], strength) for strength in STRENGTHS]
        on_val = [headline(predict(model, flat, images, "val"))["nll"] for model in fitted]
        best = int(np.argmin([np.inf if nll is None else nll for nll in on_val]))
    with watch.stage("evaluate"):
        splits = [split for split in SPLITS if split != "train" and (images.splits == split).any()]
        predictions: dict[str, AnyPredictions] = {split: predict(fitted[best], flat, images, split) for split in splits}
        metrics = evaluate_splits(predictions.values(), images.classes)
    return PosthocResult(
        metrics={**metrics, "val/inverse_penalty": STRENGTHS[best]},
        predictions=predictions,
        remarks=unfitted_remarks(fitted[best], images.classes) if images.multilabel else (),
        seconds=watch.seconds,
    )


def reduced(pixels: NDArray[np.uint8] | Rows[np.uint8], size: int) -> NDArray[np.float32]:
    """Images as rows of at most size x size intensities, [images, pixels]."""
    side = min(size, pixels.shape[-1])
    blocks = [_reduced_block(pixels[start : start + _AT_ONCE], side) for start in range(0, len(pixels), _AT_ONCE)]
    return torch.cat(blocks).numpy()


def _reduced_block(pixels: NDArray[np.uint8], side: int) -> Tensor:
    whole = torch.from_numpy(np.array(pixels))[:, None].float() / 255
    return functional.adaptive_avg_pool2d(whole, (side, side)).flatten(1)


def _predict_labels(
    models: Sequence[LabelModel], flat: NDArray[np.float32], images: ImageSet, split: str
) -> AnyPredictions:
    rows = np.flatnonzero(images.splits == split)
    return MultiLabelPredictions(
        logits=torch.from_numpy(label_logits(models, flat[rows]))[None],
        targets=torch.from_numpy(images.targets[rows].copy()),
        image_ids=tuple(images.image_ids[row] for row in rows),
        split=split,
    )


def _predict(model: Any, flat: NDArray[np.float32], images: ImageSet, split: str) -> AnyPredictions:
    rows = np.flatnonzero(images.splits == split)
    scores = np.asarray(model.decision_function(flat[rows]), dtype=np.float64)
    if scores.ndim == 1:  # two classes: one score, of the second
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    logits = np.full((len(rows), len(images.classes)), -50.0)
    logits[:, model.classes_] = scores
    return Predictions(
        logits=torch.from_numpy(logits)[None],
        targets=torch.from_numpy(images.targets[rows].copy()),
        image_ids=tuple(images.image_ids[row] for row in rows),
        split=split,
    )
