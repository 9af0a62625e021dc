"""The trials of a sweep whose explanations are compared: the best ones, told apart by what was drawn for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.results import ResultRow, objectives_of, result_rows
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import MissingArtifact, Store
from trainables.spec import Aopc, from_plain

if TYPE_CHECKING:
    from orchestrator.figures.compared import AreaCurve, Grid

MOST_NETWORKS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedNetwork:
    """A trial with its explanations.

    Attributes:
        store: with the artifacts.
        key: of the network.
        task: name of the AOPC task by which the networks are compared.
        result: key of its result.
        name: of the trial.
        label: the drawn parameters in which the compared trials differ; empty where they differ in none.
        metrics: of the trial, by name.
        is_best: whether it is the sweep's best trial.
    """

    store: Store
    key: str
    task: str
    result: str
    name: str
    label: str
    metrics: Mapping[str, float | None]
    is_best: bool

    @cached_property
    def tensors(self) -> dict[str, Any]:
        """Arrays of the AOPC result."""
        from safetensors.numpy import load_file

        return dict(load_file(self.store.file(self.result, "tensors.safetensors")))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits."""
        return tuple(self.store.manifest(self.key).meta["classes"])

    def value(self, metric: str) -> float | None:
        """A metric of the AOPC result on the split that it was computed on: `aopc`, `aopc_random`, `aopc_gain`."""
        found = (self.metrics.get(f"{self.task}/{split}/{metric}") for split in ("test", "val"))
        return next((value for value in found if value is not None), None)


def compared_networks(store: Store, ledger: Ledger, most: int = MOST_NETWORKS) -> list[ComparedNetwork]:
    """The best trials that have a result of the sweep's first AOPC task, the best first; each network once."""
    return compared_among(store, ledger.definition(), result_rows(store, ledger), most)


def compared_among(
    store: Store, definition: Mapping[str, Any], results: Iterable[ResultRow], most: int = MOST_NETWORKS
) -> list[ComparedNetwork]:
    """The same of results that were read before.

    Args:
        store: with the artifacts.
        definition: of the sweep.
        results: its rows with their metrics.
        most: at most so many.
    """
    tasks, objective = aopc_tasks(definition), objectives_of(definition)[0]
    if not tasks:
        return []
    task = tasks[0].name
    rows: dict[str, ResultRow] = {}
    for row in results:
        if row.kind == "trial" and row.state == "completed" and _has_tensors(store, row.results.get(task)):
            rows.setdefault(row.key, row)

    def rank(row: ResultRow) -> float:
        value = row.metrics.get(objective.metric)
        return objective.signed(value) if value is not None and math.isfinite(value) else math.inf

    chosen = sorted(rows.values(), key=rank)[:most]
    labels = differing([row.params for row in chosen])
    return [
        ComparedNetwork(
            store=store,
            key=row.key,
            task=task,
            result=row.results[task],
            name=row.name,
            label=label,
            metrics=row.metrics,
            is_best=place == 0,
        )
        for place, (row, label) in enumerate(zip(chosen, labels, strict=True))
    ]


def aopc_tasks(definition: Mapping[str, Any]) -> list[Aopc]:
    """The AOPC tasks of a sweep; that of paper P3's convention first, where there is one."""
    tasks = [from_plain(Aopc, each, "aopc") for each in definition["posthoc"] if each["kind"] == "aopc"]
    return sorted(tasks, key=lambda task: task.name != "aopc")


def area_curves(networks: Sequence[ComparedNetwork]) -> list[AreaCurve]:
    """The AOPC by step of those that have one; a network that predicts no image correctly has none."""
    from orchestrator.figures.compared import AreaCurve

    return [
        AreaCurve(name=each.name, by_step=each.tensors["aopc_by_step"], random=each.tensors["random_aopc_by_step"])
        for each in networks
        if "aopc_by_step" in each.tensors
    ]


def area_table(networks: Sequence[ComparedNetwork]) -> list[tuple[str, ...]]:
    """The final table, a line a network that has a curve, below its head."""
    lines: list[tuple[str, ...]] = [("network", "AOPC", "random order", "gain")]
    for each in networks:
        if "aopc_by_step" in each.tensors:
            values = [each.value(metric) for metric in ("aopc", "aopc_random", "aopc_gain")]
            name = f"{each.name}, {each.label}" if each.label else each.name
            lines.append((name, *("-" if value is None else f"{value:z.3f}" for value in values)))
    return lines


def image_grid(networks: Sequence[ComparedNetwork]) -> Grid:
    """Maps of the same images, a row a network."""
    from orchestrator.figures.compared import grid_of

    return grid_of([(each.name, each.label, each.classes, each.tensors) for each in networks])


def differing(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each one's parameters that not all of them share, such as `loss focal, blocks 3`."""
    names = list(dict.fromkeys(name for each in params for name in each))
    told_apart = [name for name in names if len({_text(each.get(name)) for each in params}) > 1]
    return [", ".join(f"{name} {_text(each[name])}" for name in told_apart if name in each) for each in params]


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _has_tensors(store: Store, key: str | None) -> bool:
    try:
        return key is not None and "tensors.safetensors" in store.manifest(key).files
    except MissingArtifact:
        return False
