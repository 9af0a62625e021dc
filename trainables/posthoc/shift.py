"""Post-hoc task: how a network fares on corrupted test images, and whether its doubt gives them away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from trainables.data.corruptions import corrupt
from trainables.data.images import ImageSet
from trainables.metrics import headline
from trainables.metrics.foreign import doubt, foreign_metrics
from trainables.models.classifier import Classifier
from trainables.multilabel import AnyPredictions
from trainables.posthoc.explained import seeded_order
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predict import logits_of, predictions_of
from trainables.spec import Shift
from trainables.spec.judgement import SEVERITIES

SHOWN = ("accuracy", "nll", "ece")


def run(task: Shift, network: TrainedNetwork) -> PosthocResult:
    """Predict every corruption at every severity, and compare with the same images as they are.

    Metrics of test, with `<which>` as `noise_3`:

    - `images`: how many were judged.
    - `clean_accuracy`, `clean_nll`, `clean_ece`: of the same images uncorrupted; `mean_accuracy` and so on: over all
      corruptions and severities.
    - `accuracy/<which>`, `nll/<which>`, `ece/<which>`.
    - `ood_auroc_<score>/<which>`, `ood_fpr95_<score>/<which>`: corrupted images found among the uncorrupted ones by
      `entropy` or `confidence`; their means as `mean_ood_auroc_<score>`.

    Tensors: `accuracy`, `nll`, `ece`, [corruptions, 1 + severities] each, the first column uncorrupted, not a number where
    not defined.
    """
    watch = Stopwatch()
    with watch.stage("load"):
        images = network.images("test")
        rows = seeded_order(images.image_ids, task.seed)[: task.images]
        chosen = images.take(np.sort(rows))
        classifier = network.classifier().to("cuda" if torch.cuda.is_available() else "cpu")
        pixels = np.asarray(chosen.pixels)
    with watch.stage("clean"):
        clean = _predict(classifier, chosen, pixels)
        before, own = _headline(clean), doubt(clean)
    found: dict[str, dict[str, float | None]] = {}
    for corruption in task.corruptions:
        for severity in range(1, SEVERITIES + 1):
            with watch.stage("corrupt"):
                changed = corrupt(pixels, chosen.image_ids, corruption, severity, seed=task.seed)
            with watch.stage("predict"):
                predictions = _predict(classifier, chosen, changed)
            found[f"{corruption}_{severity}"] = _headline(predictions) | foreign_metrics(doubt(predictions), own)
    metrics: dict[str, float | None] = {"images": float(len(chosen))}
    metrics |= {f"clean_{name}": value for name, value in before.items()} | _means(found)
    metrics |= {f"{name}/{which}": value for which, values in found.items() for name, value in values.items()}
    return PosthocResult(
        metrics={f"test/{name}": value for name, value in metrics.items()},
        tensors={name: _table(task, before[name], found, name) for name in SHOWN},
        seconds=watch.seconds,
    )


def _predict(classifier: Classifier, images: ImageSet, pixels: np.ndarray) -> AnyPredictions:
    logits, _ = logits_of(classifier, pixels)
    return predictions_of(logits, images, split="test")


def _headline(predictions: AnyPredictions) -> dict[str, float | None]:
    found = headline(predictions)
    return {name: found[name] for name in SHOWN}


def _means(found: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """Mean of every metric over corruptions and severities, where it is defined for all of them."""
    names = next(iter(found.values()))
    means: dict[str, float | None] = {}
    for name in names:
        values = [value for each in found.values() if (value := each[name]) is not None]
        means[f"mean_{name}"] = sum(values) / len(values) if len(values) == len(found) else None
    return means


def _table(task: Shift, clean: float | None, found: Mapping[str, Mapping[str, float | None]], name: str) -> Tensor:
    rows = [
        [clean, *(found[f"{corruption}_{severity}"][name] for severity in range(1, SEVERITIES + 1))]
        for corruption in task.corruptions
    ]
    plain = [[float("nan") if value is None else value for value in row] for row in rows]
    return torch.tensor(plain, dtype=torch.float64)
