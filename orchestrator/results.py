"""What a sweep has found so far, read from the ledger and the store alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.lungs import lungs_remark, lungs_summary
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Manifest, MissingArtifact, Store
from search_spaces.objective import Objective
from trainables.spec import (
    OF_SOME_NETWORKS,
    Ensemble,
    EnsembleMaps,
    NetworkTask,
    PixelBaseline,
    PosthocSpec,
    TrialSpec,
    from_plain,
    posthoc_key,
    why_undefined,
)


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """A line of the results table.

    Attributes:
        key: key of the network or the ensemble.
        kind: `trial`, `member` (best configuration, another seed) or `ensemble`.
        name: `trial-0003`, `member-0001`, `ensemble_top_5`.
        trial: number of the draw, or None.
        state: state of the row; an ensemble is `completed` when its result is there.
        epochs: trained so far.
        params: what the search drew.
        metrics: by name, `[task/]split/metric`; None where it is not defined.
        members: keys of an ensemble's networks; of a selection those that it chose.
        weights: how often each member counts, where a selection may take it several times.
        seconds: by `task/stage`.
        results: keys of the post-hoc results behind the metrics, by the task's name.
        remarks: sentences of the tasks.
    """

    key: str
    kind: Literal["trial", "member", "ensemble"]
    name: str
    trial: int | None
    state: str
    epochs: int
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BaselineRow:
    """What a simple model reaches on the same splits."""

    key: str
    name: str
    data: str
    metrics: Mapping[str, float | None]


def objectives_of(definition: Mapping[str, Any]) -> tuple[Objective, ...]:
    """The sweep's objectives; the first one names the best trial."""
    return tuple(Objective(**each) for each in definition["objectives"])


def tasks_of(definition: Mapping[str, Any]) -> tuple[PosthocSpec, ...]:
    """The sweep's post-hoc tasks."""
    return tuple(from_plain(PosthocSpec, each, "posthoc") for each in definition["posthoc"])


def network_tasks(definition: Mapping[str, Any]) -> tuple[NetworkTask, ...]:
    """Those of the tasks that every completed network gets."""
    return of_networks(tasks_of(definition))


def of_networks(tasks: Sequence[PosthocSpec]) -> tuple[NetworkTask, ...]:
    """Those of any tasks that work on one network, not on a group of them or on data."""
    return tuple(task for task in tasks if not isinstance(task, Ensemble | EnsembleMaps | PixelBaseline))


def wanted_tasks(tasks: Sequence[NetworkTask], row: Row) -> list[NetworkTask]:
    """Those of the tasks that are defined for the row's network."""
    undefined = undefined_tasks(tasks, row)
    return [task for task in tasks if task.name not in undefined]


def undefined_tasks(tasks: Sequence[NetworkTask], row: Row) -> dict[str, str]:
    """Names of the tasks that are not defined for the row's network, and why."""
    of_some = [task for task in tasks if task.kind in OF_SOME_NETWORKS]
    if not of_some:
        return {}
    spec = from_plain(TrialSpec, row.spec)
    undefined = {task.name: why for task in of_some if (why := why_undefined(task, spec))}
    if row.state == "stopped":  # what stood at the end of the cycles that it did not reach
        undefined |= {task.name: "it was stopped" for task in of_some if task.kind == "snapshots"}
    return undefined


def baselines_of(definition: Mapping[str, Any]) -> tuple[PixelBaseline, ...]:
    """Those of the tasks that every data set gets."""
    return tuple(task for task in tasks_of(definition) if isinstance(task, PixelBaseline))


def baseline_rows(store: Store, ledger: Ledger, rows: Sequence[Row] | None = None) -> list[BaselineRow]:
    """Results of the baselines, one a baseline and data set; the ledger's rows are read unless they are given."""
    tasks = baselines_of(ledger.definition())
    if not tasks:
        return []
    found = []
    for data_key in dict.fromkeys(row.data_key for row in (ledger.rows() if rows is None else rows)):
        for task in tasks:
            key = posthoc_key(task, [data_key])
            with contextlib.suppress(MissingArtifact):
                meta = store.manifest(key).meta
                found.append(BaselineRow(key=key, name=task.name, data=data_key, metrics=meta["metrics"]))
    return found


def result_rows(store: Store, ledger: Ledger, rows: Sequence[Row] | None = None) -> list[ResultRow]:
    """Trials by number, then members, then ensembles; the ledger's rows are read unless they are given."""
    tasks = network_tasks(ledger.definition())
    found = [_network_row(store, tasks, row) for row in (ledger.rows() if rows is None else rows)]
    return found + [_ensemble_row(store, key, plain) for key, plain in ledger.ensembles().items()]


def best_row(rows: Sequence[Row], objective: Objective) -> Row | None:
    """The completed trial whose weights are best by the objective on val; the earlier one of equals."""
    scored = [(value, row) for row in rows if (value := objective_value(row, objective)) is not None]
    return min(scored, key=lambda pair: (objective.signed(pair[0]), pair[1].number))[1] if scored else None


def objective_value(row: Row, objective: Objective) -> float | None:
    """The objective of a completed trial, None of any other row."""
    if row.kind != "trial" or row.state != "completed" or row.best is None:
        return None
    return row.late.get(objective.metric, row.best.metrics.get(objective.metric))


def found(store: Store, tasks: Sequence[NetworkTask], network: str) -> Iterator[tuple[NetworkTask, str, Manifest]]:
    """The post-hoc results of a network that are in the store: task, key, manifest."""
    for task in tasks:
        key = posthoc_key(task, [network])
        try:
            yield task, key, store.manifest(key)
        except MissingArtifact:
            continue


def prefixed(task_name: str, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Metrics of a task under the names of the tables: `[task/]split/metric`."""
    return {f"{task_name}/{name}" if task_name else name: value for name, value in metrics.items()}


def _network_row(store: Store, tasks: Sequence[NetworkTask], row: Row) -> ResultRow:
    metrics: dict[str, float | None] = dict(row.best.metrics) if row.best else {}
    seconds = _training_seconds(row)
    results: dict[str, str] = {}
    remarks: list[str] = []
    if lungs := lungs_summary(store, row.lungs_key):
        metrics |= prefixed("lungs", lungs["metrics"])
        seconds |= {f"lungs/{stage}": value for stage, value in lungs["seconds"].items()}
        remarks.append(lungs_remark(lungs["metrics"]))
    for task, key, manifest in found(store, tasks, row.network):
        metrics |= prefixed(task.name, manifest.meta["metrics"])
        seconds |= {f"{task.name or task.kind}/{stage}": value for stage, value in manifest.meta["seconds"].items()}
        results[task.name or task.kind] = key
        remarks += manifest.meta["remarks"]
    return ResultRow(
        key=row.key,
        kind=row.kind,
        name=row.name,
        trial=row.number if row.kind == "trial" else None,
        state=row.state,
        epochs=row.reports[-1].epoch if row.reports else 0,
        params=row.params,
        metrics=metrics,
        seconds=seconds,
        results=results,
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _training_seconds(row: Row) -> dict[str, float]:
    stages = sorted({stage for report in row.reports for stage in report.seconds})
    return {f"fit/{stage}": sum(report.seconds.get(stage, 0.0) for report in row.reports) for stage in stages}


def _ensemble_row(store: Store, key: str, plain: Mapping[str, Any]) -> ResultRow:
    try:
        meta: Mapping[str, Any] = store.manifest(key).meta
    except MissingArtifact:
        meta = {"metrics": {}, "seconds": {}, "remarks": ()}
    state = "completed" if meta["metrics"] else "running"
    chosen = meta.get("details", {}).get("chosen", {})
    return ResultRow(
        key=key,
        kind="ensemble",
        name=plain["name"],
        trial=None,
        state="superseded" if plain.get("superseded") else state,
        epochs=0,
        metrics=meta["metrics"],
        members=tuple(chosen or plain["members"]),
        weights=chosen,
        seconds={f"ensemble/{stage}": value for stage, value in meta["seconds"].items()},
        results={"ensemble": key} if meta["metrics"] else {},
        remarks=tuple(meta["remarks"]),
    )
