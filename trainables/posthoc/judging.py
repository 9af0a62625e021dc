"""What is told of members that came from one network: their pool, its temperature, and what they do not agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from trainables.metrics import disagreement, evaluate_splits, mutual_information, predictive_entropy, prefixed
from trainables.multilabel import AnyPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split
from trainables.posthoc.stopwatch import Stopwatch
from trainables.posthoc.temperature import TEMPERATURE, apply_temperature, fit_temperature, known_remarks, range_remarks

PER_IMAGE = {"entropy": predictive_entropy, "mutual_information": mutual_information, "disagreement": disagreement}


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """Members by split, and the sentences that go with them.

    Attributes:
        splits: predictions of all members, [members, images, classes], on every split that is judged.
        remarks: sentences that the report carries.
    """

    splits: Mapping[str, AnyPredictions]
    remarks: tuple[str, ...] = ()


def judge_members(members: Members, network: TrainedNetwork, watch: Stopwatch) -> PosthocResult:
    """Pool the members, fit one temperature of the pooled prediction on calib, and judge both.

    Metrics of the pooled prediction are `split/metric`, those after calibration `temperature/split/metric`. Predictions are
    `<split>`, all members of it, and `temperature/<split>`, one. Per image: `entropy/<split>`,
    `mutual_information/<split>`, `disagreement/<split>`. A deep ensemble gives the same of several networks.

    Args:
        members: of the network.
        network: whose members they are.
        watch: what has been timed so far; `fit` and `evaluate` are added.
    """
    pooled = {split: each.pooled() for split, each in members.splits.items()}
    split, remarks = calibration_split(network.spec.split)
    with watch.stage("fit"):
        temperature = fit_temperature(pooled[split])
    with watch.stage("evaluate"):
        calibrated = {name: apply_temperature(each, temperature) for name, each in pooled.items()}
        after = {**evaluate_splits(calibrated.values(), network.classes), TEMPERATURE: temperature}
        metrics = evaluate_splits(pooled.values(), network.classes) | prefixed("temperature", after)
        tensors = _per_image(members.splits)
    return PosthocResult(
        metrics=metrics,
        predictions={**members.splits, **{f"temperature/{name}": each for name, each in calibrated.items()}},
        tensors=tensors,
        remarks=(*members.remarks, *remarks, *known_remarks(pooled[split]), *range_remarks(temperature)),
        seconds=watch.seconds,
    )


def _per_image(splits: Mapping[str, AnyPredictions]) -> dict[str, Tensor]:
    return {f"{name}/{split}": measure(each) for split, each in splits.items() for name, measure in PER_IMAGE.items()}
