"""The run of one network: its description, its epochs, its post-hoc metrics, its pictures."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.results import prefixed
from orchestrator.storage.ledger import Report, Row, TrialState
from orchestrator.storage.store import Manifest, Store
from orchestrator.tracking.pictures import network_pictures
from orchestrator.tracking.protocol import KIND_TAG, MetricPoint, RunStatus, RunUpdate, TrackedData, text_artifact
from orchestrator.trial import stored_reports
from search_spaces.objective import Objective
from trainables.spec import NetworkTask, TrialSpec, from_plain

STATUS: dict[TrialState, RunStatus] = {
    "completed": "FINISHED",
    "running": "RUNNING",
    "stopped": "KILLED",
    "failed": "FAILED",
}


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """All that a network's run is made from.

    Attributes:
        rows: the draws that describe this network.
        network: its manifest once it is complete.
        results: manifests of its post-hoc results.
        failed_tasks: names of tasks that failed on it.
        objectives: of the sweep.
        alive: whether a driver runs the sweep.
        commit: of the code.
        data: what it is trained on, once that is prepared.
    """

    rows: Sequence[Row]
    network: Manifest | None = None
    results: Mapping[NetworkTask, Manifest] = field(default_factory=dict)
    failed_tasks: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    alive: bool = True
    commit: str = ""
    data: TrackedData | None = None

    def stamp(self) -> Hashable:
        """Changes whenever the run does."""
        rows = tuple((row.name, row.state, len(row.reports), row.ended, row.reason) for row in self.rows)
        known = (self.network is None, tuple(self.results), self.failed_tasks, self.alive, self.commit, self.data)
        return (rows, *known)

    @property
    def longest(self) -> Row:
        """The draw that knows most epochs."""
        return max(self.rows, key=lambda row: len(row.reports))

    @property
    def state(self) -> TrialState:
        """Of several draws the state of the one that got furthest."""
        return min((row.state for row in self.rows), key=list(STATUS).index)


def network_run(store: Store, sweep: str, facts: NetworkFacts) -> RunUpdate:
    """The update for a network."""
    row, first = facts.longest, facts.rows[0]
    interrupted = facts.state == "running" and not facts.alive
    ended = 0.0 if facts.state == "running" else max(each.ended for each in facts.rows)
    artifacts = {"spec.json": text_artifact(json.dumps(first.spec, indent=1))}
    if facts.state != "running":
        artifacts |= network_pictures(store, row, facts.results)
    return RunUpdate(
        key=first.key,
        name=" ".join(each.name for each in facts.rows),
        parent=sweep,
        status="KILLED" if interrupted else STATUS[facts.state],
        start_ms=round(min(each.started for each in facts.rows) * 1000),
        end_ms=round(ended * 1000),
        params=_params(first),
        tags=_tags(facts, "interrupted" if interrupted else facts.state),
        metrics=[
            *_first_history(store, row),
            *_history(row),
            *_summary(facts),
            *_posthoc_metrics(facts),
            *_lungs(facts),
        ],
        artifacts=artifacts,
        datasets=[facts.data] if facts.data else [],
    )


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Nested settings as `path/name` to text."""
    if isinstance(value, Mapping):
        inner = (flat(item, f"{path}/{name}".lstrip("/")) for name, item in value.items())
        return {name: text for part in inner for name, text in part.items()}
    return {path: value if isinstance(value, str) else json.dumps(value)}


def _params(row: Row) -> dict[str, str]:
    """The whole description with its defaults, so that every run has the same columns."""
    try:
        spec: Mapping[str, Any] = asdict(from_plain(TrialSpec, row.spec))
    except ValueError:  # written by another version: as it stands there
        spec = row.spec
    return {**flat(row.params), **flat(spec)}


def _tags(facts: NetworkFacts, state: str) -> dict[str, str]:
    row = facts.rows[0]
    tags = {
        KIND_TAG: " ".join(sorted({each.kind for each in facts.rows}, reverse=True)),
        "orchestrator.trial": " ".join(str(each.number) for each in facts.rows if each.kind == "trial") or "none",
        "orchestrator.state": state,
        "orchestrator.fit": row.fit_key,
        "orchestrator.data": row.data_key,
        **({"orchestrator.first_stage": row.first_key} if row.first_key else {}),
        **({"orchestrator.lungs": row.lungs_key} if row.lungs_key else {}),
        **({"orchestrator.parent": row.parent} if row.parent else {}),
        "orchestrator.commit": facts.commit,
        "orchestrator.failed_tasks": " ".join(facts.failed_tasks) or "none",
    }
    reasons = {each.reason for each in facts.rows if each.reason}
    if reasons:
        tags["orchestrator.reason"] = " ".join(sorted(reasons))
    parts = max((report.micro_batches for each in facts.rows for report in each.reports), default=1)
    if parts > 1:
        tags["orchestrator.micro_batches"] = str(parts)
    if facts.network is not None:
        meta = facts.network.meta
        tags |= {
            "orchestrator.device": str(meta.get("device")),
            "orchestrator.versions": json.dumps(meta.get("versions")),
        }
    remarks = dict.fromkeys(remark for found in facts.results.values() for remark in found.meta["remarks"])
    return {**tags, "orchestrator.remarks": " ".join(remarks)} if remarks else tags


def _history(row: Row) -> Iterator[MetricPoint]:
    for report in row.reports:
        yield from _epoch_points(row, report)


def _first_history(store: Store, row: Row) -> Iterator[MetricPoint]:
    """The epochs of the first of two stages, under names of their own: its epoch 1 is not the second stage's."""
    for report in stored_reports(store, row.first_fit_key) if row.first_fit_key else ():
        yield from _epoch_points(row, report, "first_stage/")


def _epoch_points(row: Row, report: Report, prefix: str = "") -> Iterator[MetricPoint]:
    seconds = {f"seconds/fit/{stage}": value for stage, value in report.seconds.items()}
    named = {f"{prefix}{name}": value for name, value in {**report.metrics, **seconds}.items()}
    yield from _points(named, report.epoch, _time_ms(row, report))


def _summary(facts: NetworkFacts) -> Iterator[MetricPoint]:
    """The objectives at the epoch whose weights the network has: the history's last value is another epoch's."""
    row, best = facts.longest, facts.longest.best
    if facts.state != "running" and best is not None:
        values = {f"best/{each.metric}": best.metrics.get(each.metric) for each in facts.objectives}
        yield from _points({**values, "best/epoch": float(best.epoch)}, best.epoch, _time_ms(row, best))


def _posthoc_metrics(facts: NetworkFacts) -> Iterator[MetricPoint]:
    """Metrics of tasks at the network's epoch; those that every epoch reports keep one point an epoch."""
    reported = {name for report in facts.longest.reports for name in report.metrics}
    step = facts.longest.best.epoch if facts.longest.best else 0
    for task, manifest in facts.results.items():
        metrics = prefixed(task.name, manifest.meta["metrics"])
        named = {name: value for name, value in metrics.items() if name not in reported}
        seconds = {
            f"seconds/{task.name or task.kind}/{stage}": each for stage, each in manifest.meta["seconds"].items()
        }
        yield from _points({**named, **seconds}, step, round(manifest.committed_at * 1000))


def _lungs(facts: NetworkFacts) -> Iterator[MetricPoint]:
    """How well the maps of the lungs fit to masks, at the network's epoch."""
    if facts.network is not None and (lungs := facts.network.meta.get("lungs")):
        step = facts.longest.best.epoch if facts.longest.best else 0
        yield from _points(prefixed("lungs", lungs["metrics"]), step, round(facts.network.committed_at * 1000))


def _points(metrics: Mapping[str, float | None], step: int, time_ms: int) -> Iterator[MetricPoint]:
    for name, value in metrics.items():
        if value is not None:
            yield MetricPoint(name=name, value=value, step=step, time_ms=time_ms)


def _time_ms(row: Row, report: Report) -> int:
    return round((report.time or row.started) * 1000)
