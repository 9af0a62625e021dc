"""Where the numbers come from: data, failures, versions, keys, seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.figures.words import task_label
from orchestrator.report.findings import Findings
from orchestrator.report.stages import first_stages
from orchestrator.report.text import seconds_text, some_names
from trainables.spec import SPLITS, PosthocSpec, from_plain


@dataclass(frozen=True, kw_only=True)
class DataCounts:
    """A prepared data set: its key, and images by class and split with the sums.

    Attributes:
        key: of the data set.
        splits: the columns of `rows`, which have the sum at their end.
        rows: classes with their counts; the sum at the end.
        images, groups: how many.
        torn: how often a group (a patient, where patients are known) stands in one split too many.
    """

    key: str
    splits: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    images: int
    groups: int
    torn: int
    patients_known: bool


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trial or task that failed: what, on which networks, and the error."""

    what: str
    about: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Seconds of a step over the sweep: in all as text and as a number, and how many results went through it."""

    name: str
    total: str
    sort: float
    results: int


def data_counts(findings: Findings) -> list[DataCounts]:
    """Counts of every data set that a row uses."""
    keys = dict.fromkeys(row.data_key for row in findings.rows)
    return [_counts(key, table) for key in keys if (table := findings.table(key))]


def failures(findings: Findings) -> list[Failure]:
    """Failed trials and members, then failed tasks."""
    found = [
        Failure(what="training", about=row.name, error=row.reason) for row in findings.rows if row.state == "failed"
    ]
    for plain in findings.failures.values():
        networks = [findings.names.get(key, key) for key in plain["members"]]
        found.append(Failure(what=_task_name(plain["task"]), about=some_names(networks), error=plain["error"]))
    return found


def stages(findings: Findings) -> list[Stage]:
    """Seconds by step of each stage, each result counted once."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for first in first_stages(findings):
        for step in sorted({step for report in first.reports for step in report.seconds}):
            seconds[f"first/{step}"].append(sum(report.seconds.get(step, 0.0) for report in first.reports))
    for row in {row.key: row for row in findings.results}.values():
        for stage, value in row.seconds.items():
            if not stage.endswith("/total"):
                seconds[stage].append(value)
    for row in findings.networks:
        one_pass = findings.meta(row.key).get("seconds", {}).get("one_pass")
        if one_pass is not None:
            seconds["fit/one pass over all splits"].append(one_pass)
    return [
        Stage(name=_stage_name(name), total=seconds_text(sum(all_)), sort=sum(all_), results=len(all_))
        for name, all_ in seconds.items()
    ]


def versions(findings: Findings) -> dict[str, str]:
    """Versions by package: of every network's worker, more than one where they differ."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    sources: list[Mapping[str, Any]] = [findings.definition, *(findings.meta(row.key) for row in findings.networks)]
    for source in sources:
        for package, version in source.get("versions", {}).items():
            found[package][version] = None
    return {package: ", ".join(all_) for package, all_ in found.items()}


def devices(findings: Findings) -> str:
    """Devices that networks were trained on."""
    return ", ".join(sorted({device for row in findings.networks if (device := findings.meta(row.key).get("device"))}))


def _counts(key: str, table: Mapping[str, Any]) -> DataCounts:
    counts = table["counts"]["splits"]
    splits = [split for split in SPLITS if split in counts] + sorted(set(counts) - set(SPLITS))
    rows = [(name, [counts[split].get(name, 0) for split in splits]) for name in table["classes"]]
    rows.append(("all", [table["splits"].count(split) for split in splits]))  # an image may have several labels
    return DataCounts(
        key=key,
        splits=tuple(splits),
        rows=tuple((name, (*numbers, sum(numbers))) for name, numbers in rows),
        images=len(table["ids"]),
        groups=len(set(table["groups"])),
        torn=len(set(zip(table["groups"], table["splits"], strict=True))) - len(set(table["groups"])),
        patients_known=table["patients_known"],
    )


def _task_name(plain: Mapping[str, Any]) -> str:
    task: PosthocSpec = from_plain(PosthocSpec, plain)
    return task.name if task.kind == "ensemble" else task_label(task.name)


def _stage_name(name: str) -> str:
    task, _, stage = name.partition("/")
    trained = {"fit": "training", "first": "training, first stage"}
    return f"{trained.get(task) or task_label(task)}: {stage.replace('_', ' ')}"
