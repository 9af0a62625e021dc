"""What a sweep cost: seconds, CPU-hours and GPU-hours of every stage, each result counted once.

A training reserves its share of a GPU. A post-hoc task reserves none and may use the GPU of its machine beside trainings: its
hours there are told as the most that they can be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.figures.words import task_label
from orchestrator.member_maps import ensemble_maps
from orchestrator.report.findings import Findings
from orchestrator.report.stages import first_stages
from orchestrator.report.text import DASH, seconds_text
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Manifest, MissingArtifact

HOUR = 3600.0
CPU_NAMES = ("", "x86_64", "amd64", "AMD64", "aarch64", "arm64", "arm", "i386")
"""Devices of results from before it was written down whether there was a GPU."""


@dataclass(kw_only=True)
class Spent:
    """Seconds of one stage.

    Attributes:
        results: how many went through it.
        seconds: of the work, however many processes shared it.
        cpu_hours: seconds times threads and processes; None where the threads are not known.
        gpu_hours: seconds times the share of a GPU and processes.
        is_most: whether the GPU-hours are the most that they can be.
        devices: that it ran on.
    """

    results: int = 0
    seconds: float = 0.0
    cpu_hours: float | None = 0.0
    gpu_hours: float = 0.0
    is_most: bool = False
    devices: dict[str, None] = field(default_factory=dict)

    def add(self, seconds: float, worker: Mapping[str, Any]) -> None:
        """Count some seconds of a worker, see `orchestrator.provenance.worker`."""
        processes = seconds * worker.get("workers", 1)
        self.seconds += seconds
        if worker.get("threads") and self.cpu_hours is not None:
            self.cpu_hours += processes * worker["threads"] / HOUR
        elif seconds:
            self.cpu_hours = None
        if worker.get("gpu"):
            self.is_most = self.is_most or not worker["gpus"]
            self.gpu_hours += processes * (worker["gpus"] or 1.0) / HOUR
        if worker.get("device"):
            self.devices[worker["device"]] = None


@dataclass(frozen=True, kw_only=True)
class EffortLine:
    """A line of the table as text, with the numbers that it is sorted by."""

    name: str
    results: int
    seconds: str
    cpu_hours: str
    gpu_hours: str
    devices: str
    sorts: tuple[float | str, float | str, float | str]


def effort_lines(findings: Findings) -> list[EffortLine]:
    """Stages in the order of the work, and their sum at the end; empty before anything was computed."""
    spent: dict[str, Spent] = defaultdict(Spent)
    for stage, seconds, worker in _all(findings):
        spent[stage].results += 1
        for some, each in zip(seconds, worker, strict=True):
            spent[stage].add(some, each)
    if not spent:
        return []
    return [*(_line(name, each) for name, each in spent.items()), _line("all", _sum(list(spent.values())))]


def _all(findings: Findings) -> Iterator[tuple[str, Sequence[float], Sequence[Mapping[str, Any]]]]:
    """Stage, and the seconds of each piece of work with its worker."""
    for key in _data_keys(findings):
        if (manifest := _manifest(findings, key)) is not None:
            seconds = manifest.committed_at - manifest.started_at
            yield "preparation of the data", [seconds], [manifest.meta.get("worker", {})]
    for key in dict.fromkeys(row.lungs_key for row in findings.rows if row.lungs_key):
        yield from _of_result(findings, "segmentation of the lungs", key, "")
    for row in first_stages(findings):
        yield ("training, first stage", *_of_epochs(findings, row.reports))
    stage = "training, second stage" if any(row.first_key for row in findings.rows) else "training"
    for row in {row.fit_key: row for row in findings.rows if row.reports}.values():
        yield (stage, *_of_epochs(findings, row.reports))
    for key in dict.fromkeys(key for row in findings.rows for key in (row.first_key, row.network) if key):
        yield from _of_result(findings, "one pass over all splits", key, "one_pass")
    yield from _tasks(findings)


def _tasks(findings: Findings) -> Iterator[tuple[str, Sequence[float], Sequence[Mapping[str, Any]]]]:
    for baseline in findings.baselines:
        yield from _of_result(findings, "baseline on pixels", baseline.key, "total")
    seen = set()
    for row in findings.results:
        for task, key in row.results.items():
            if key not in seen:
                seen.add(key)
                name = "evaluation" if task == "evaluation" else task_label(task)
                yield from _of_result(findings, "ensembles" if row.kind == "ensemble" else name, key, "total")
    for each in ensemble_maps(findings.store, findings.definition, findings.rows):
        yield from _of_result(findings, task_label(each.name), each.key, "total")


def _of_result(
    findings: Findings, stage: str, key: str, part: str
) -> Iterator[tuple[str, Sequence[float], Sequence[Mapping[str, Any]]]]:
    """Seconds of an artifact: those of a part of its work, or of all parts."""
    meta = findings.meta(key)
    seconds = meta.get("seconds", {})
    if seconds:
        yield stage, [seconds[part] if part in seconds else sum(seconds.values())], [_worker(findings, meta)]


def _of_epochs(findings: Findings, reports: Sequence[Report]) -> tuple[list[float], list[Mapping[str, Any]]]:
    return [sum(each.seconds.values()) for each in reports], [each.worker or _asked_for(findings) for each in reports]


def _worker(findings: Findings, meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """As it was written down; of an older result as far as its device tells."""
    if "worker" in meta:
        worker: Mapping[str, Any] = meta["worker"]
        return worker
    device = meta.get("device", "")
    gpus = _asked_for(findings)["gpus"] if "spec" in meta else 0.0
    return {
        "device": device,
        "gpu": device not in CPU_NAMES,
        "gpus": gpus,
        "threads": meta.get("threads", _asked_for(findings)["threads"]),
        "workers": meta.get("workers", 1),
    }


def _asked_for(findings: Findings) -> Mapping[str, Any]:
    """What the sweep asks for a trial: what an epoch had whose worker nobody wrote down."""
    resources = findings.definition.get("resources", {})
    gpus = resources.get("gpus", 0.0)
    return {
        "gpu": gpus > 0,
        "gpus": gpus,
        "threads": resources.get("cpus", 0),
        "workers": resources.get("workers", 1),
    }


def _data_keys(findings: Findings) -> list[str]:
    """Of the tables, each behind the decoded images that it names."""
    keys: dict[str, None] = {}
    for key in dict.fromkeys(row.data_key for row in findings.rows):
        images = findings.meta(key).get("images")
        keys |= dict.fromkeys([images, key] if images else [key])
    return list(keys)


def _manifest(findings: Findings, key: str) -> Manifest | None:
    try:
        return findings.store.manifest(key)
    except MissingArtifact:
        return None


def _sum(parts: Sequence[Spent]) -> Spent:
    known = [each.cpu_hours for each in parts if each.cpu_hours is not None]
    return Spent(
        results=sum(each.results for each in parts),
        seconds=sum(each.seconds for each in parts),
        cpu_hours=sum(known) if known else None,
        gpu_hours=sum(each.gpu_hours for each in parts),
        is_most=any(each.is_most for each in parts),
        devices={name: None for each in parts for name in each.devices},
    )


def _line(name: str, spent: Spent) -> EffortLine:
    gpu = _hours(spent.gpu_hours)
    return EffortLine(
        name=name,
        results=spent.results,
        seconds=seconds_text(spent.seconds),
        cpu_hours=DASH if spent.cpu_hours is None else _hours(spent.cpu_hours),
        gpu_hours=_most(gpu) if spent.is_most else gpu,
        devices=", ".join(spent.devices),
        sorts=(spent.seconds, "" if spent.cpu_hours is None else spent.cpu_hours, spent.gpu_hours),
    )


def _most(text: str) -> str:
    return text if text.startswith("<") else f"≤ {text}"


def _hours(hours: float) -> str:
    """A demo takes hundredths of an hour, a cluster thousands."""
    if not hours:
        return "0"
    if hours < 0.001:
        return "< 0.001"
    return f"{hours:.3g}" if hours < 100 else f"{hours:,.0f}"
