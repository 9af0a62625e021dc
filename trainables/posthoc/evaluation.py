"""The network as it is: every metric on every split it was not trained on."""

from __future__ import annotations

from trainables.metrics import evaluate_splits, predictive_entropy
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, evaluated_splits
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import Evaluation


def run(task: Evaluation, network: TrainedNetwork) -> PosthocResult:
    """Metrics on val, calib and test, and the predictive entropy of their images as `entropy/<split>`."""
    watch = Stopwatch()
    with watch.stage("evaluate"):
        predictions = [network.predictions(split) for split in evaluated_splits(network.spec.split)]
        return PosthocResult(
            metrics=evaluate_splits(predictions, network.classes),
            tensors={f"entropy/{each.split}": predictive_entropy(each) for each in predictions},
            seconds=watch.seconds,
        )
