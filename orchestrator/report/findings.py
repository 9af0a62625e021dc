"""Everything the report is made from, read from ledger and store; what is not there is None, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.computation import predictions_file
from orchestrator.report.summary import best_of, best_trial
from orchestrator.results import BaselineRow, ResultRow, baseline_rows, objectives_of, result_rows
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import MissingArtifact, Store
from search_spaces.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.multilabel import AnyPredictions


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A sweep as it stands.

    Attributes:
        store: with the artifacts.
        name, state: of the sweep.
        definition: what it was started with.
        objectives: what it searches on; the first one names the best trial.
        rows: of the ledger.
        results: the same rows with their metrics, and the ensembles.
        best: the best completed trial, if there is one.
        best_ensemble: the best completed ensemble, chosen on val as the trials are.
        failures: of post-hoc tasks, by key.
        baselines: what simple models reach on the same splits.
    """

    store: Store
    name: str
    state: str
    definition: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    rows: tuple[Row, ...]
    results: tuple[ResultRow, ...]
    best: ResultRow | None
    best_ensemble: ResultRow | None
    failures: Mapping[str, Mapping[str, Any]]
    baselines: tuple[BaselineRow, ...] = ()

    @property
    def first_objective(self) -> Objective:
        """The objective that names the best trial."""
        return self.objectives[0]

    @property
    def names(self) -> dict[str, str]:
        """Names of networks and ensembles by key; draws of the same network share a key, and the first names it."""
        return {row.key: row.name for row in reversed(self.results)}

    @property
    def networks(self) -> list[ResultRow]:
        """Completed trials and members, each network once, the best one first."""
        distinct = {
            row.key: row for row in reversed(self.results) if row.kind != "ensemble" and row.state == "completed"
        }
        best = self.best.key if self.best else ""
        in_order = reversed(list(distinct.values()))
        return sorted(in_order, key=lambda row: row.key != best)

    @property
    def seeds(self) -> list[ResultRow]:
        """The best configuration under all of its seeds."""
        members = [row for row in self.networks if row.kind == "member"]
        return [self.best, *members] if self.best else members

    @property
    def ensembles(self) -> list[ResultRow]:
        """The ensembles that are complete and not superseded."""
        return [row for row in self.results if row.kind == "ensemble" and row.state == "completed"]

    def classes(self, key: str) -> tuple[str, ...]:
        """Names of the classes that a network knows, in the order of its logits."""
        return tuple(self.meta(key).get("classes", ()))

    def meta(self, key: str) -> Mapping[str, Any]:
        """What is committed about an artifact; empty if it is not there."""
        try:
            return self.store.manifest(key).meta
        except MissingArtifact:
            return {}

    def multilabel(self, key: str) -> bool:
        """Whether a network, ensemble or baseline predicts labels that do not exclude each other."""
        path = self._path(key, predictions_file("val"))
        if path is None:
            return False
        from trainables.image_predictions import kind_of
        from trainables.multilabel import KIND

        return kind_of(path) == KIND

    def predictions(self, key: str | None, split: str) -> AnyPredictions | None:
        """Stored predictions of a network, a result or an ensemble; `temperature/test` reads its calibrated ones."""
        path = self._path(key, predictions_file(split))
        if path is None:
            return None
        from trainables.multilabel import load_predictions

        return load_predictions(path)

    def tensors(self, key: str | None) -> dict[str, Tensor]:
        """Stored tensors of a result."""
        from safetensors.torch import load_file

        path = self._path(key, "tensors.safetensors")
        return load_file(path) if path else {}

    def table(self, data_key: str) -> dict[str, Any]:
        """The table of a prepared data set, as its file says."""
        path = self._path(data_key, "table.json")
        table: dict[str, Any] = json.loads(path.read_text("utf-8")) if path else {}
        return table

    def _path(self, key: str | None, name: str) -> Any:
        if key is None:
            return None
        try:
            path = self.store.file(key, name)
        except MissingArtifact:
            return None
        return path if path.is_file() else None


def gather(store: Store, ledger: Ledger) -> Findings:
    """Read a sweep."""
    definition, rows = ledger.definition(), ledger.rows()
    objectives, results = objectives_of(definition), tuple(result_rows(store, ledger, rows))
    return Findings(
        store=store,
        name=ledger.name,
        state=ledger.state(),
        definition=definition,
        objectives=objectives,
        rows=tuple(rows),
        results=results,
        baselines=tuple(baseline_rows(store, ledger, rows)),
        best=best_trial(results, objectives[0]),
        best_ensemble=best_of([row for row in results if row.kind == "ensemble"], objectives[0]),
        failures=ledger.failures(),
    )
