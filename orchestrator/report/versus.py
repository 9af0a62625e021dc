"""Several sweeps side by side: what they differ in, what their best networks and ensembles reach, and whether that is chance.

On the same test images differences are paired: both are judged on the same resamples of patients. On other images they are not,
and the interval is that of two independent samples.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.findings import Findings
from orchestrator.report.intervals import groups_of, resamples_for, units_of
from orchestrator.results import ResultRow

if TYPE_CHECKING:
    from trainables.metrics.bootstrap import Interval
    from trainables.multilabel import AnyPredictions

SHOWN = ("accuracy", "macro_f1", "auroc", "nll", "brier", "ece")
MORE_IS_BETTER = ("accuracy", "macro_f1", "auroc")
TOLD = (
    "space",
    "scale",
    "objectives",
    "searcher",
    "scheduler",
    "seed",
    "trials",
    "member_seeds",
    "overrides",
    "fingerprints",
)


@dataclass(frozen=True, kw_only=True)
class Side:
    """What of a sweep is judged.

    Attributes:
        sweep: its name.
        name: of the network or ensemble.
        what: `best network` or `best ensemble`, with `, after temperature`.
        intervals: by metric.
        metrics: values by metric, also where there is no interval.
        units: what was resampled, such as `60 patients`.
    """

    sweep: str
    name: str
    what: str
    intervals: Mapping[str, Interval]
    metrics: Mapping[str, float | None]
    units: str


@dataclass(frozen=True, kw_only=True)
class Versus:
    """One side less another one of the same kind.

    Attributes:
        one, other: names of the sweeps.
        what: of which sides.
        is_paired: whether both were judged on the same images.
        differences: by metric.
    """

    one: str
    other: str
    what: str
    is_paired: bool
    differences: Mapping[str, Interval]

    def verdict(self, metric: str) -> str:
        """`better`, `worse`, or `no difference` where the interval holds 0; empty where there is none."""
        found = self.differences.get(metric)
        if found is None:
            return ""
        if not found.excludes_zero:
            return "no difference"
        return "better" if (found.value > 0) == (metric in MORE_IS_BETTER) else "worse"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Sweeps side by side.

    Attributes:
        sweeps: their names.
        settings: (name, text of each sweep) of the settings in which they differ.
        sides: what is judged of each.
        versus: differences, the first of two less the second.
        remarks: what a reader must know.
    """

    sweeps: tuple[str, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    sides: tuple[Side, ...]
    versus: tuple[Versus, ...]
    remarks: tuple[str, ...]


def compare(sweeps: Sequence[Findings]) -> Comparison:
    """Put two sweeps or more side by side.

    Raises:
        ValueError: fewer than two, or one of several labels beside one of classes.
    """
    if len(sweeps) < 2:
        raise ValueError("compare wants two sweeps or more: orchestrator compare A B.")
    known = [list(_sides(each)) for each in sweeps]
    pairs = itertools.combinations(range(len(sweeps)), 2)
    versus = [each for one, other in pairs for each in _versus(sweeps, known, one, other)]
    remarks = []
    if any(not each.is_paired for each in versus):
        remarks.append(
            "Not all of these sweeps share their test images: such differences are of independent samples, and other images "
            "may be easier."
        )
    if not versus:
        remarks.append("There are no predictions of patients enough to judge a difference by.")
    return Comparison(
        sweeps=tuple(each.name for each in sweeps),
        settings=_settings(sweeps),
        sides=tuple(side for sides in known for side, _, _ in sides),
        versus=tuple(versus),
        remarks=tuple(remarks),
    )


def _sides(findings: Findings) -> Iterator[tuple[Side, AnyPredictions | None, list[str] | None]]:
    from trainables.metrics.bootstrap import headline_intervals

    for row, what, key, split, prefix in _judged(findings):
        predictions = findings.predictions(key, split)
        groups = groups_of(findings, row, predictions)
        intervals: Mapping[str, Interval] = {}
        if predictions is not None and groups is not None:
            intervals = headline_intervals(predictions, groups, resamples=resamples_for(len(groups)))
        side = Side(
            sweep=findings.name,
            name=row.name,
            what=what,
            intervals=intervals,
            metrics={metric: row.metrics.get(f"{prefix}test/{metric}") for metric in SHOWN},
            units=units_of(findings, row, groups) if groups else "",
        )
        yield side, predictions, groups


def _judged(findings: Findings) -> Iterator[tuple[ResultRow, str, str | None, str, str]]:
    if (best := findings.best) is not None:
        yield best, "best network", best.key, "test", ""
        if "temperature" in best.results:
            yield best, "best network, after temperature", best.results["temperature"], "test", "temperature/"
    if (pooled := findings.best_ensemble) is not None:
        yield pooled, "best ensemble", pooled.key, "test", ""
        yield pooled, "best ensemble, after temperature", pooled.key, "temperature/test", "temperature/"


def _versus(
    sweeps: Sequence[Findings],
    known: Sequence[Sequence[tuple[Side, AnyPredictions | None, list[str] | None]]],
    one: int,
    other: int,
) -> Iterator[Versus]:
    theirs = {side.what: (side, predictions, groups) for side, predictions, groups in known[other]}
    for side, predictions, groups in known[one]:
        if side.what not in theirs:
            continue
        second, others, other_groups = theirs[side.what]
        if predictions is None or others is None or groups is None or other_groups is None:
            continue
        if type(predictions) is not type(others):
            raise ValueError(
                f"{sweeps[one].name} and {sweeps[other].name} cannot be compared: one predicts a class an image, the other "
                "several labels."
            )
        is_paired = tuple(predictions.image_ids) == tuple(others.image_ids)
        differences = _paired(predictions, others, groups) if is_paired else _apart(side, second)
        yield Versus(
            one=sweeps[one].name,
            other=sweeps[other].name,
            what=side.what,
            is_paired=is_paired,
            differences=differences,
        )


def _paired(one: AnyPredictions, other: AnyPredictions, groups: Sequence[str]) -> dict[str, Interval]:
    from trainables.metrics.bootstrap import paired_intervals

    return dict(paired_intervals(one, other, groups, resamples=resamples_for(len(groups))))


def _apart(one: Side, other: Side) -> dict[str, Interval]:
    """Of independent samples: half widths of the two intervals add as their squares."""
    from trainables.metrics.bootstrap import Interval

    found = {}
    for metric, ours in one.intervals.items():
        theirs = other.intervals.get(metric)
        if theirs is not None:
            value = ours.value - theirs.value
            below = math.hypot(ours.value - ours.low, theirs.high - theirs.value)
            above = math.hypot(ours.high - ours.value, theirs.value - theirs.low)
            found[metric] = Interval(value=value, low=value - below, high=value + above)
    return found


def _settings(sweeps: Sequence[Findings]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    rows = [(name, tuple(_text(each.definition.get(name)) for each in sweeps)) for name in TOLD]
    rows.append(("post-hoc tasks", tuple(_tasks(each) for each in sweeps)))
    return tuple((name, texts) for name, texts in rows if len(set(texts)) > 1)


def _tasks(findings: Findings) -> str:
    from trainables.spec import PosthocSpec, from_plain

    tasks = [from_plain(PosthocSpec, each) for each in findings.definition["posthoc"]]
    return ", ".join(task.name or task.kind for task in tasks)


def _text(value: Any) -> str:
    if value in (None, {}, [], ""):
        return "–"
    return value if isinstance(value, str) else json.dumps(value)
