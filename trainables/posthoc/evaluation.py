"""The network as it is: every metric on every split it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainables.metrics import (
    disagreement,
    evaluate_splits,
    mutual_information,
    predictive_entropy,
    selective_curves,
)
from trainables.multilabel import AnyPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, evaluated_splits
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import Evaluation
from trainables.studies import study_metrics


def run(task: Evaluation, network: TrainedNetwork) -> PosthocResult:
    """Metrics on val, calib and test, and the predictive entropy of their images as `entropy/<split>`.

    Of a network of several heads also what they do not agree on: `mutual_information/<split>`, `disagreement/<split>`.
    `risk_coverage/test` and `referral/test` are curves of 101 points.

    Where the data set knows studies (visits) of several images, also the metrics of studies, as `split/study_accuracy`.
    """
    watch = Stopwatch()
    with watch.stage("evaluate"):
        predictions = [network.predictions(split) for split in evaluated_splits(network.spec.split)]
        metrics = evaluate_splits(predictions, network.classes)
        remarks: tuple[str, ...] = ()
        for split, each in zip(evaluated_splits(network.spec.split), predictions, strict=True):
            of_studies, said = study_metrics(each, network.studies(split), network.classes)
            metrics, remarks = {**metrics, **of_studies}, (*remarks, *said)
    return PosthocResult(
        metrics=metrics,
        tensors=_tensors(predictions),
        remarks=remarks,
        seconds=watch.seconds,
    )


def _tensors(predictions: Sequence[AnyPredictions]) -> dict[str, Tensor]:
    tensors = {f"entropy/{each.split}": predictive_entropy(each) for each in predictions}
    for each in predictions:
        if each.members > 1:
            tensors[f"mutual_information/{each.split}"] = mutual_information(each)
            tensors[f"disagreement/{each.split}"] = disagreement(each)
    curves = selective_curves(next(each for each in predictions if each.split == "test"))
    return tensors | {f"{name}/test": curve for name, curve in curves.items()}
