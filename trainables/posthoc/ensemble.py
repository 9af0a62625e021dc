"""Deep ensembles: the members' probabilities are averaged, then calibrated (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainables.metrics import disagreement, evaluate_splits, mutual_information, predictive_entropy, prefixed
from trainables.multilabel import AnyPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, evaluated_splits
from trainables.posthoc.stopwatch import Stopwatch
from trainables.posthoc.temperature import TEMPERATURE, apply_temperature, fit_temperature, known_remarks, range_remarks
from trainables.predictions import join_members
from trainables.spec import Ensemble


def run(task: Ensemble, members: Sequence[TrainedNetwork]) -> PosthocResult:
    """Pool the members, then fit one temperature of the pooled prediction on calib.

    Metrics of the pooled prediction are `split/metric`, those after calibration `temperature/split/metric`; predictions
    are `<split>` and `temperature/<split>`, one pooled member each. Per image: `entropy/<split>`,
    `mutual_information/<split>`, `disagreement/<split>`.

    Args:
        task: its settings.
        members: in any order; they are sorted by key.

    Raises:
        ValueError: no members or too many, other classes, images or splits among them.
    """
    _require_fitting_members(task, members)
    watch = Stopwatch()
    ordered = sorted(members, key=lambda member: member.key)
    first = ordered[0]
    with watch.stage("pool"):
        splits = evaluated_splits(first.spec.split)
        joined: dict[str, AnyPredictions] = {
            split: join_members([member.predictions(split) for member in ordered]) for split in splits
        }
        pooled = {split: each.pooled() for split, each in joined.items()}
    split, remarks = calibration_split(first.spec.split)
    with watch.stage("fit"):
        temperature = fit_temperature(pooled[split])
    with watch.stage("evaluate"):
        calibrated = {name: apply_temperature(each, temperature) for name, each in pooled.items()}
        after = {**evaluate_splits(calibrated.values(), first.classes), TEMPERATURE: temperature}
        metrics = evaluate_splits(pooled.values(), first.classes) | prefixed("temperature", after)
    return PosthocResult(
        metrics=metrics,
        predictions=pooled | {f"temperature/{name}": each for name, each in calibrated.items()},
        tensors=_per_image(joined),
        remarks=remarks + known_remarks(pooled[split]) + range_remarks(temperature),
        seconds=watch.seconds,
    )


def _per_image(joined: dict[str, AnyPredictions]) -> dict[str, Tensor]:
    measures = {"entropy": predictive_entropy, "mutual_information": mutual_information, "disagreement": disagreement}
    return {f"{name}/{split}": measure(each) for split, each in joined.items() for name, measure in measures.items()}


def _require_fitting_members(task: Ensemble, members: Sequence[TrainedNetwork]) -> None:
    if not members:
        raise ValueError(f"{task.name} was given no members. Wait for the trainings, then pass at least one network.")
    if len(members) > task.size:
        raise ValueError(
            f"{task.name} was given {len(members)} members and its size is {task.size}. Raise size or pass fewer."
        )
    for member in members[1:]:
        if member.classes != members[0].classes:
            raise ValueError(
                f"{task.name}: {members[0].key} knows the classes {', '.join(members[0].classes)}, {member.key} knows "
                f"{', '.join(member.classes)}. Members of an ensemble share their classes."
            )
