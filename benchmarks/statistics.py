"""What intervals and further metrics cost beside drawing images literally, and beside scikit-learn."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.measure import ratio_row
from trainables.metrics import evaluate, evaluate_fully
from trainables.metrics.bootstrap import drawn_weights, headline_intervals
from trainables.predictions import Predictions

IMAGES, CLASSES, RESAMPLES = 2000, 4, 100


def rows(repetitions: int = 5) -> list[dict[str, Any]]:
    """A bootstrap against the same draws one by one, and all metrics of test against those of scikit-learn."""
    one, names = _predictions(), tuple(f"class {n}" for n in range(CLASSES))
    sizes = f"{IMAGES} images, {CLASSES} classes"
    return [
        ratio_row(
            f"headline with AUROC, {RESAMPLES} resamples",
            "the metrics of every resample, one by one",
            lambda: headline_intervals(one, one.image_ids, resamples=RESAMPLES),
            lambda: _literally(one, names),
            goal=0.5,
            repetitions=repetitions,
            sizes=sizes,
            note="one by one, recall and precision by class come with them",
        ),
        ratio_row(
            "every metric of test",
            "eight of them by scikit-learn",
            lambda: evaluate_fully(one, names),
            lambda: _by_library(one),
            goal=1.0,
            repetitions=repetitions,
            sizes=sizes,
            note="scikit-learn has no calibration error, risk-coverage curve or parts of the Brier score",
        ),
    ]


def _predictions() -> Predictions:
    generator = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.randn(1, IMAGES, CLASSES, generator=generator)
    targets = torch.multinomial(torch.softmax(logits[0], 1), 1, generator=generator)[:, 0]
    return Predictions(logits=logits, targets=targets, image_ids=tuple(map(str, range(IMAGES))), split="test")


def _literally(one: Predictions, names: tuple[str, ...]) -> list[dict[str, float | None]]:
    values = []
    for counts in torch.cat(list(drawn_weights(one.image_ids, RESAMPLES, 0))):
        drawn = torch.repeat_interleave(torch.arange(len(one)), counts.long())
        again = Predictions(
            logits=one.logits[:, drawn],
            targets=one.targets[drawn],
            image_ids=tuple(map(str, range(len(drawn)))),
            split=one.split,
        )
        values.append(evaluate(again, names))
    return values


def _by_library(one: Predictions) -> list[Any]:
    import sklearn.metrics as library

    probabilities, truth = one.pooled_log_probs().exp().numpy(), one.targets.numpy()
    chosen = probabilities.argmax(1)
    return [
        library.accuracy_score(truth, chosen),
        library.classification_report(truth, chosen, output_dict=True, zero_division=0),
        library.cohen_kappa_score(truth, chosen),
        library.f1_score(truth, chosen, average="weighted"),
        library.log_loss(truth, probabilities),
        library.roc_auc_score(truth, probabilities, multi_class="ovr"),
        *(library.average_precision_score(truth == n, probabilities[:, n]) for n in range(CLASSES)),
        library.confusion_matrix(truth, chosen),
    ]
