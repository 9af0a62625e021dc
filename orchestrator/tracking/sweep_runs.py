"""The runs that a sweep's ledger and store call for: the sweep, its networks, its ensembles, its evaluations and explanations."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.member_maps import ensemble_maps
from orchestrator.results import best_row, network_tasks, objective_value, objectives_of
from orchestrator.storage.ledger import Ledger, Row, SweepState
from orchestrator.storage.store import Manifest, MissingArtifact, Store
from orchestrator.tracking.comparison import sweep_pictures
from orchestrator.tracking.ensemble_run import ensemble_run
from orchestrator.tracking.evaluation_run import evaluation_run
from orchestrator.tracking.explanation_run import explanation_run
from orchestrator.tracking.identity import milliseconds
from orchestrator.tracking.maps_run import maps_run
from orchestrator.tracking.network_run import NetworkFacts, network_run
from orchestrator.tracking.protocol import KIND_TAG, Artifact, RunStatus, RunUpdate, TrackedData, text_artifact
from orchestrator.tracking.shown import tracked_data, view_of
from trainables.spec import posthoc_key

STATUS: dict[SweepState, RunStatus] = {
    "running": "RUNNING",
    "interrupted": "KILLED",
    "finished": "FINISHED",
    "failed": "FAILED",
}


class SweepRuns:
    """Reads the ledger and the store as often as asked; what cannot change any more is read once.

    Args:
        store, ledger: of the sweep.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._manifests: dict[str, Manifest] = {}
        self._data: dict[str, dict[str, Artifact]] = {}
        self._built: dict[str, tuple[Hashable, RunUpdate]] = {}

    def updates(self) -> list[RunUpdate]:
        """All runs as they shall be, parents first."""
        definition, rows, state = self._ledger.definition(), self._ledger.rows(), self._ledger.state()
        children = [*self._networks(definition, rows, state), *self._ensembles(), *self._loose()]
        children += [
            maps_run(self._store, self._ledger.name, each) for each in ensemble_maps(self._store, definition, rows)
        ]
        return [self._parent(definition, rows, state), *children]

    def _parent(self, definition: Mapping[str, Any], rows: Sequence[Row], state: SweepState) -> RunUpdate:
        ended = self._ended(rows) if state != "running" else 0.0
        artifacts: dict[str, Artifact] = {}
        for key in {row.data_key for row in rows}:
            artifacts |= self._about_data(key)
        pictures = (
            {} if state == "running" else sweep_pictures(self._store, self._ledger, self._explained(definition, rows))
        )
        return RunUpdate(
            key=self._ledger.name,
            name=self._ledger.name,
            parent=None,
            status=STATUS[state],
            start_ms=milliseconds(definition["created"]),
            end_ms=milliseconds(ended),
            params={name: _text(definition[name]) for name in PARENT_PARAMS if name in definition},
            tags={
                KIND_TAG: "sweep",
                "orchestrator.state": state,
                "orchestrator.best": _best(definition, rows),
                **{f"orchestrator.{name}": _text(definition[name]) for name in PARENT_TAGS if name in definition},
            },
            artifacts={"sweep.json": text_artifact(json.dumps(definition, indent=1)), **artifacts, **pictures},
            view=view_of(definition, rows),
        )

    def _explained(self, definition: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
        """Keys of the results that trials are compared by; they name the pictures."""
        tasks = [task for task in network_tasks(definition) if task.kind == "aopc"]
        keys = [posthoc_key(task, [row.network]) for task in tasks for row in rows if row.state == "completed"]
        return sorted(key for key in set(keys) if self._manifest(key))

    def _ended(self, rows: Sequence[Row]) -> float:
        """When the last thing was computed; a later start that finds everything done does not move it."""
        pooled = [found.committed_at for key in self._ledger.ensembles() if (found := self._manifest(key))]
        return max([row.ended for row in rows] + pooled, default=0.0)

    def _networks(self, definition: Mapping[str, Any], rows: Sequence[Row], state: SweepState) -> Iterator[RunUpdate]:
        """One run a network: two draws of the same description share it."""
        tasks, objectives = network_tasks(definition), objectives_of(definition)
        failures = self._ledger.failures()
        by_key: dict[str, list[Row]] = {}
        for row in rows:
            by_key.setdefault(row.key, []).append(row)
        for key, drawn in by_key.items():
            network = next((row.network for row in drawn if row.state == "completed"), drawn[-1].network)
            keys = {posthoc_key(task, [network]): task for task in tasks}
            results = {task: found for each, task in keys.items() if (found := self._manifest(each))}
            failed = tuple(task.name or task.kind for each, task in keys.items() if each in failures)
            facts = NetworkFacts(
                rows=drawn,
                network=self._manifest(network),
                results=results,
                failed_tasks=failed,
                objectives=objectives,
                alive=state == "running",
                commit=definition.get("commit", ""),
                data=self._tracked(drawn[0].data_key),
            )
            stamp = facts.stamp()
            if self._built.get(key, (None,))[0] != stamp:
                self._built[key] = (stamp, network_run(self._store, self._ledger.name, facts))
            yield self._built[key][1]

    def _ensembles(self) -> Iterator[RunUpdate]:
        failures = self._ledger.failures()
        for key, plain in self._ledger.ensembles().items():
            yield ensemble_run(self._store, self._ledger.name, key, plain, self._manifest(key), key in failures)

    def _loose(self) -> Iterator[RunUpdate]:
        """External evaluations and explained images."""
        for key, plain in self._ledger.evaluations().items():
            if key not in self._built:
                self._built[key] = (key, evaluation_run(self._ledger.name, key, plain))
            yield self._built[key][1]
        for key, plain in self._ledger.explanations().items():
            if key not in self._built:
                self._built[key] = (key, explanation_run(self._store, self._ledger.name, key, plain))
            yield self._built[key][1]

    def _manifest(self, key: str) -> Manifest | None:
        if key not in self._manifests:
            try:
                self._manifests[key] = self._store.manifest(key)
            except MissingArtifact:
                return None
        return self._manifests[key]

    def _tracked(self, key: str) -> TrackedData | None:
        """A data set as an input of runs."""
        about = next((each for path, each in self._about_data(key).items() if path.endswith(f"{key}.json")), None)
        return tracked_data(key, json.loads(about.content())) if about else None

    def _about_data(self, key: str) -> dict[str, Artifact]:
        """What is known of a data set: classes, counts, remarks, no names of patients; and which images were left out."""
        if key not in self._data:
            try:
                plain = json.loads(self._store.file(key, "table.json").read_text("utf-8"))
            except (MissingArtifact, OSError, ValueError):
                return {}
            told = {name: plain.get(name) for name in ("classes", "patients_known", "remarks", "counts")}
            found = {f"data/{key}.json": text_artifact(json.dumps({"key": key, **told}, indent=1))}
            if plain.get("left_out"):
                found[f"data/{key}-left-out.csv"] = text_artifact(left_out_csv(plain["left_out"]))
            self._data[key] = found
        return self._data[key]


def left_out_csv(problems: Sequence[Mapping[str, Any]]) -> str:
    """The images that were left out, each with what is wrong; paths are below the data folder."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(LEFT_OUT_COLUMNS)
    writer.writerows([problem[name] for name in LEFT_OUT_COLUMNS] for problem in problems)
    return lines.getvalue()


LEFT_OUT_COLUMNS = ("kind", "path", "row")
PARENT_PARAMS = ("space", "objectives", "searcher", "scheduler", "seed", "overrides")
PARENT_TAGS = ("trials", "member_seeds", "data", "fingerprints", "commit", "versions", "description")


def _best(definition: Mapping[str, Any], rows: Sequence[Row]) -> str:
    objective = objectives_of(definition)[0]
    best = best_row(rows, objective)
    return f"{best.name}: {objective.metric} {objective_value(best, objective):.4f}" if best else "none yet"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
