"""Ensembles: the members' probabilities are averaged, then calibrated (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainables.metrics import evaluate_splits, prefixed
from trainables.multilabel import AnyPredictions
from trainables.posthoc.choice import Choice, choose, groups_of
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, evaluated_splits
from trainables.posthoc.paired import LEAST_GROUPS, improvements
from trainables.posthoc.pooling import RunningPool
from trainables.posthoc.size_curve import SizeCurve, size_curve
from trainables.posthoc.stopwatch import Stopwatch
from trainables.posthoc.temperature import TEMPERATURE, apply_temperature, fit_temperature, known_remarks, range_remarks
from trainables.spec import Ensemble, SplitName

CALIBRATED_MEMBERS = "calibrated_members"


def run(task: Ensemble, members: Sequence[TrainedNetwork]) -> PosthocResult:
    """Choose the members, pool them one by one, and fit one temperature of the pooled prediction on calib.

    Metrics of the pooled prediction are `split/metric`, those after calibration `temperature/split/metric`, those of
    members that were calibrated one by one and then pooled `calibrated_members/split/metric`; predictions likewise, one
    pooled member each. Per image: `entropy/<split>`, `mutual_information/<split>`, `disagreement/<split>`. Beside the best
    single member, by val, `test/accuracy_gain` and so on (see `paired.improvements`). With `sizes` see `size_curve`.

    Args:
        task: its settings.
        members: in any order; they are sorted by key. For `greedy` and `diverse` the candidates.

    Raises:
        ValueError: no members or too many, other classes, images or splits among them.
    """
    _require_fitting_members(task, members)
    watch = Stopwatch()
    ordered = sorted(members, key=lambda member: member.key)
    split, remarks = calibration_split(ordered[0].spec.split)
    with watch.stage("select"):
        choice = choose(task, ordered)
    with watch.stage("pool"):
        pools = _pool(choice, split)
    with watch.stage("fit"):
        temperature = fit_temperature(pools.plain[split])
    with watch.stage("evaluate"):
        calibrated = {name: apply_temperature(each, temperature) for name, each in pools.plain.items()}
        metrics = _metrics(pools, calibrated, ordered[0].classes, temperature)
    with watch.stage("compare"):
        gains, resampled = _gains(choice.best, pools.plain["test"], calibrated["test"], split)
    curve = SizeCurve(metrics={}, tensors={})
    if task.sizes:
        with watch.stage("sizes"):
            chosen = [member for member, _ in choice.members]
            curve = size_curve(
                len(chosen), lambda n, name: chosen[n].predictions(name), task.sizes, task.draws, task.seed, split
            )
    return PosthocResult(
        metrics={**metrics, **gains, **curve.metrics},
        predictions=_predictions(pools, calibrated),
        tensors={**pools.per_image, f"{CALIBRATED_MEMBERS}/temperatures": pools.temperatures, **curve.tensors},
        remarks=remarks + choice.remarks + known_remarks(pools.plain[split]) + range_remarks(temperature),
        seconds=watch.seconds,
        details={**choice.details, "best_member": choice.best.key, "resampled": resampled},
    )


@dataclass(kw_only=True)
class _Pools:
    """The chosen members together: as they are, and each under its own temperature."""

    plain: dict[str, AnyPredictions] = field(default_factory=dict)
    of_calibrated: dict[str, AnyPredictions] = field(default_factory=dict)
    per_image: dict[str, Tensor] = field(default_factory=dict)
    temperatures: Tensor = field(default_factory=lambda: torch.empty(0))


def _pool(choice: Choice, split: SplitName) -> _Pools:
    """One split after the other and one member after the other: a file at a time is in memory."""
    temperatures = [fit_temperature(member.predictions(split)) for member, _ in choice.members]
    pools = _Pools(temperatures=torch.tensor(temperatures, dtype=torch.float64))
    for name in evaluated_splits(choice.members[0][0].spec.split):
        plain, of_calibrated = RunningPool(), RunningPool()
        for (member, weight), temperature in zip(choice.members, temperatures, strict=True):
            predictions = member.predictions(name)
            plain.add(predictions, weight)
            of_calibrated.add(apply_temperature(predictions, temperature), weight)
        pools.plain[name], pools.of_calibrated[name] = plain.pooled(), of_calibrated.pooled()
        measures = vars(plain.uncertainty())
        pools.per_image |= {f"{measure}/{name}": values for measure, values in measures.items()}
    return pools


def _metrics(
    pools: _Pools, calibrated: Mapping[str, AnyPredictions], classes: Sequence[str], temperature: float
) -> dict[str, float | None]:
    after = {**evaluate_splits(calibrated.values(), classes), TEMPERATURE: temperature}
    before_pooling = evaluate_splits(pools.of_calibrated.values(), classes)
    return {
        **evaluate_splits(pools.plain.values(), classes),
        **prefixed("temperature", after),
        **prefixed(CALIBRATED_MEMBERS, before_pooling),
    }


def _predictions(pools: _Pools, calibrated: Mapping[str, AnyPredictions]) -> dict[str, AnyPredictions]:
    return (
        pools.plain
        | {f"temperature/{name}": each for name, each in calibrated.items()}
        | {f"{CALIBRATED_MEMBERS}/{name}": each for name, each in pools.of_calibrated.items()}
    )


def _gains(
    best: TrainedNetwork, pooled: AnyPredictions, calibrated: AnyPredictions, split: SplitName
) -> tuple[dict[str, float | None], str]:
    """What the ensemble gains on test over the best member, both as they are and both calibrated; and what was drawn."""
    groups, noun = groups_of(best, "test")
    alone = best.predictions("test")
    tempered = apply_temperature(alone, fit_temperature(best.predictions(split)))
    found = prefixed("test", improvements(pooled, alone, groups))
    found |= prefixed("temperature/test", improvements(calibrated, tempered, groups, ranks=False))
    count = len(set(groups))
    return found, f"{count} {noun}" if count >= LEAST_GROUPS else f"{count} {noun}, too few for an interval"


def _require_fitting_members(task: Ensemble, members: Sequence[TrainedNetwork]) -> None:
    if not members:
        raise ValueError(f"{task.name} was given no members. Wait for the trainings, then pass at least one network.")
    if len(members) > task.size and not task.selects:
        raise ValueError(
            f"{task.name} was given {len(members)} members and its size is {task.size}. Raise size or pass fewer."
        )
    for member in members[1:]:
        if member.classes != members[0].classes:
            raise ValueError(
                f"{task.name}: {members[0].key} knows the classes {', '.join(members[0].classes)}, {member.key} knows "
                f"{', '.join(member.classes)}. Members of an ensemble share their classes."
            )
