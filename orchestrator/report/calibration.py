"""The calibration table: each method on the best network, on its seeds, and on the ensembles, all on test."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from orchestrator.figures.words import task_label
from orchestrator.report.findings import Findings
from orchestrator.report.text import DASH, number_text, seconds_text
from orchestrator.results import ResultRow
from trainables.spec.calibration import Method

SHOWN = ("accuracy", "nll", "ece", "brier")
STAGES = ("fit", "prior_precision", "predict")
CALIBRATORS = get_args(Method)
MEMBERS = ("mc_dropout", "snapshots")
"""Tasks that make members of one network, pool them, and then calibrate the pool."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One method.

    Attributes:
        method: its name.
        values: of the metrics in `SHOWN`, as text.
        fitted: what was fitted, as text.
        seconds: of the stages in `STAGES`, as text.
        lowest: for each metric, whether it is the lowest of the group (and a lower one is better).
    """

    method: str
    values: tuple[str, ...]
    fitted: str = ""
    seconds: tuple[str, ...] = (DASH, DASH, DASH)
    lowest: tuple[bool, ...] = (False, False, False, False)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Methods on the same network or networks."""

    title: str
    lines: tuple[Line, ...]


def calibration_groups(findings: Findings) -> list[Group]:
    """The table; empty when no network is evaluated."""
    best, seeds = findings.best, findings.seeds
    groups = []
    if best is not None and best.results:
        lines = tuple(_line(best, task) for task in _methods([best]))
        groups.append(Group(title=f"Best network, {best.name}", lines=_with_lowest(lines, best)))
    if len(seeds) > 1:
        lines = tuple(_mean_line(seeds, task) for task in _methods(seeds))
        groups.append(
            Group(title=f"Its configuration under {len(seeds)} seeds, mean ± standard deviation", lines=lines)
        )
    groups += [_ensemble_group(row) for row in findings.ensembles]
    return groups


def calibrators_of(rows: Sequence[ResultRow]) -> list[str]:
    """Names of the tasks that calibrate, one temperature first, as far as there are results."""
    found = {task for row in rows for task in row.results}
    others = [task for method in CALIBRATORS for task in sorted(found) if _is_of(task, method)]
    return [task for task in ("temperature", *others) if task in found]


def _methods(rows: Sequence[ResultRow]) -> list[str]:
    """Uncalibrated, the calibrators, the Laplace tasks, then members of one network, as far as there are results."""
    found = {task for row in rows for task in row.results}
    pooled = sorted(task for task in found if task.startswith(MEMBERS))
    laplace = (f"laplace_{structure}" for structure in ("diag", "kron", "full"))
    order = ["evaluation", *calibrators_of(rows), *laplace]
    further = sorted(task for task in found if task.startswith("laplace") and task not in order)
    both = [name for task in pooled for name in (task, f"{task}/temperature")]
    return [*(task for task in (*order, *further) if task in found), *both]


def _is_of(task: str, method: str) -> bool:
    """Whether a task's name is that of a method, or of it under other settings."""
    return task == method or task.startswith(f"{method}_")


def _line(row: ResultRow, task: str) -> Line:
    return Line(
        method=task_label(task),
        values=tuple(number_text(row.metrics.get(_name(task, metric))) for metric in SHOWN),
        fitted=_fitted(row, task),
        seconds=tuple(seconds_text(row.seconds.get(f"{task}/{stage}")) for stage in STAGES),
    )


def _mean_line(rows: Sequence[ResultRow], task: str) -> Line:
    return Line(
        method=task_label(task),
        values=tuple(_mean(rows, _reader(_name(task, metric)), number_text) for metric in SHOWN),
        seconds=tuple(_mean_seconds(rows, f"{task}/{stage}") for stage in STAGES),
    )


def _ensemble_group(row: ResultRow) -> Group:
    lines = []
    for task, prefix in (
        ("evaluation", ""),
        ("temperature", "temperature/"),
        ("calibrated_members", "calibrated_members/"),
    ):
        if f"{prefix}test/nll" not in row.metrics:
            continue
        is_fitted = task == "temperature"
        lines.append(
            Line(
                method=task_label(task),
                values=tuple(number_text(row.metrics.get(f"{prefix}test/{metric}")) for metric in SHOWN),
                fitted=_fitted(row, task),
                seconds=(seconds_text(row.seconds.get("ensemble/fit")) if is_fitted else DASH, DASH, DASH),
            )
        )
    return Group(title=f"{row.name}, {len(row.members)} networks", lines=tuple(lines))


def _name(task: str, metric: str) -> str:
    return f"test/{metric}" if task == "evaluation" else f"{task}/test/{metric}"


def _fitted(row: ResultRow, task: str) -> str:
    for split in ("calib", "val", "train"):
        for name, text in (("temperature", "T = {:.3g}"), ("prior_precision", "prior precision {:.3g}")):
            value = row.metrics.get(f"{task}/{split}/{name}")
            if value is not None:
                return text.format(value)
        by_label = [value for metric, value in row.metrics.items() if metric.startswith(f"{task}/{split}/temperature/")]
        known = [value for value in by_label if value is not None]
        if known:
            return f"T = {min(known):.3g} to {max(known):.3g}"
        weight = row.metrics.get(f"{task}/{split}/regularisation")
        if weight is not None:
            return f"regularisation {weight:g}"
    return ""


def _reader(name: str) -> Callable[[ResultRow], float | None]:
    return lambda row: row.metrics.get(name)


def _mean(rows: Sequence[ResultRow], read: Callable[[ResultRow], float | None], text: Callable[[float], str]) -> str:
    values = [value for row in rows if (value := read(row)) is not None]
    if not values:
        return DASH
    spread = f" ± {text(statistics.stdev(values))}" if len(values) > 1 else ""
    return text(statistics.fmean(values)) + spread


def _mean_seconds(rows: Sequence[ResultRow], stage: str) -> str:
    values = [row.seconds[stage] for row in rows if stage in row.seconds]
    return seconds_text(statistics.fmean(values)) if values else DASH


def _with_lowest(lines: Sequence[Line], row: ResultRow) -> tuple[Line, ...]:
    """Mark the lowest NLL, ECE and Brier score."""
    from dataclasses import replace

    def lowest(place: int) -> str:
        return min((line.values[place] for line in lines if line.values[place] != DASH), default="")

    marks = ["", *(lowest(place) for place in range(1, len(SHOWN)))]
    return tuple(
        replace(line, lowest=tuple(value == mark for value, mark in zip(line.values, marks, strict=True)))
        for line in lines
    )
