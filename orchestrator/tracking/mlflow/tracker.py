"""Runs of a sweep in MLflow, found by their key before they are created."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.limits import within_limits
from orchestrator.tracking.mlflow.client import open_client, reaching
from orchestrator.tracking.mlflow.known_runs import KnownRuns
from orchestrator.tracking.mlflow.location import artifact_root, is_absent, place_of, tracking_uri
from orchestrator.tracking.mlflow.registry import delete_versions, versions_of
from orchestrator.tracking.mlflow.view import dataset_input, experiment_tags
from orchestrator.tracking.protocol import (
    DIGEST_TAG,
    KEY_TAG,
    SWEEP_TAG,
    MetricPoint,
    ModelRecord,
    RunRecord,
    RunUpdate,
)

METRICS_A_BATCH = 800  # with up to 100 params and 100 tags of the same batch MLflow's 1,000
PARAMS_A_BATCH = 100

Item = TypeVar("Item")


class MlflowTracker:
    """A `Tracker` over MLflow. It connects with its first call and never touches MLflow's global state.

    Args:
        uri: of the server or the database.
        experiment: name of the MLflow experiment: the sweep's name, so that its trials have a table of their own.
        sweep: identity of the sweep; on a shared server two sweeps of one name differ in it.
        artifact_root: where files go if the experiment is new; None leaves that to the server.
    """

    def __init__(self, uri: str, experiment: str, sweep: str, artifact_root: str | None = None) -> None:
        self.uri = uri
        self.experiment = experiment
        self.sweep = sweep
        self._artifact_root = artifact_root
        self._client: Any = None
        self._runs: KnownRuns | None = None

    def place(self) -> str:
        """See `Tracker.place`."""
        return place_of(self.uri)

    def apply(self, update: RunUpdate) -> str:
        """See `Tracker.apply`."""
        try:
            with reaching(self.uri):
                return self._apply(within_limits(update))
        except BaseException:
            self._runs = None  # whether the last write arrived is unknown: look everything up again
            raise

    def runs(self) -> list[RunRecord]:
        """See `Tracker.runs`."""
        return [_record(run) for run in self._listed()]

    def history(self, key: str, metric: str) -> list[MetricPoint]:
        """See `Tracker.history`."""
        runs = self._listed()
        with reaching(self.uri):
            found = [
                MetricPoint(name=metric, value=each.value, step=each.step, time_ms=each.timestamp)
                for run in runs
                if run.data.tags[KEY_TAG] == key
                for each in self._client.get_metric_history(run.info.run_id, metric)
            ]
        return sorted(found, key=lambda point: (point.step, point.time_ms, point.value))

    def models(self) -> list[ModelRecord]:
        """See `Tracker.models`; they have the sweep's name."""
        if is_absent(self.uri):
            return []
        runs = self._listed()
        with reaching(self.uri):
            return self._versions(runs)

    def _versions(self, runs: Sequence[Any]) -> list[ModelRecord]:
        return versions_of(self._connected(), self.experiment, self.sweep, [run.info.run_id for run in runs])

    def delete(self) -> int:
        """See `Tracker.delete`. Embedded runs lose their files at once; `mlflow gc` drops what MLflow hides."""
        if is_absent(self.uri):
            return 0
        runs = self._listed()
        with reaching(self.uri):
            delete_versions(self._connected(), self._versions(runs))
            for run in runs:
                self._client.set_tag(run.info.run_id, DIGEST_TAG, "deleted")
                self._client.delete_run(run.info.run_id)
                if self._artifact_root is not None:
                    shutil.rmtree(Path(self._artifact_root) / self.experiment / run.info.run_id, ignore_errors=True)
        self._runs = None
        return len(runs)

    def _listed(self) -> list[Any]:
        if is_absent(self.uri):
            return []  # nobody needs a new database to see that it is empty
        with reaching(self.uri):
            return KnownRuns.listed(self._connected(), self.experiment, self.sweep)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    def _known(self) -> KnownRuns:
        if self._runs is None:
            self._runs = KnownRuns(self._connected(), self.experiment, self.sweep, self._artifact_root)
        return self._runs

    def _apply(self, update: RunUpdate) -> str:
        known = self._known()
        run_id = known.find(update.key) or known.create(update)
        self._write_artifacts(run_id, update)
        self._write_state(run_id, update)
        self._write_inputs(run_id, update)
        self._write_view(update)
        self._write_content(run_id, update)
        return run_id

    def _write_artifacts(self, run_id: str, update: RunUpdate) -> None:
        if not update.artifacts:
            return
        with tempfile.TemporaryDirectory(prefix="orchestrator-artifacts-") as folder:
            for path, artifact in update.artifacts.items():
                file = Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(artifact.content())
                parent = str(PurePosixPath(path).parent)
                self._client.log_artifact(run_id, str(file), artifact_path=None if parent == "." else parent)

    def _write_state(self, run_id: str, update: RunUpdate) -> None:
        known = self._known()
        wanted = (update.status, update.name)
        if known.state.get(run_id) == wanted:
            return
        if update.status == "RUNNING":
            self._client.update_run(run_id, status=update.status, name=update.name)
        else:
            self._client.update_run(run_id, name=update.name)
            self._client.set_terminated(run_id, status=update.status, end_time=update.end_ms or None)
        known.state[run_id] = wanted

    def _write_inputs(self, run_id: str, update: RunUpdate) -> None:
        """Each data set once, also where an earlier driver has written it."""
        if not update.datasets or run_id in self._known().with_inputs:
            return
        known = {
            (each.dataset.name, each.dataset.digest) for each in self._client.get_run(run_id).inputs.dataset_inputs
        }
        new = [each for each in update.datasets if (each.name, each.digest) not in known]
        if new:
            self._client.log_inputs(run_id, datasets=[dataset_input(each) for each in new])
        self._known().with_inputs.add(run_id)

    def _write_view(self, update: RunUpdate) -> None:
        if update.view is None:
            return
        known = self._known()
        for name, value in experiment_tags(update.view).items():
            if known.experiment_tags.get(name) != value:
                self._client.set_experiment_tag(known.experiment_id, name, value)
                known.experiment_tags[name] = value

    def _write_content(self, run_id: str, update: RunUpdate) -> None:
        from mlflow.entities import Metric, Param, RunTag

        logged = self._known().params[run_id]
        new = {name: value for name, value in update.params.items() if name not in logged}
        params = [Param(name, value) for name, value in new.items()]
        points = [Metric(each.name, each.value, each.time_ms, each.step) for each in update.metrics]
        tags = [RunTag(name, value) for name, value in update.tags.items()]
        parts = (_chunks(points, METRICS_A_BATCH), _chunks(params, PARAMS_A_BATCH))
        batches = list(itertools.zip_longest(*parts, fillvalue=())) or [((), ())]
        for some_points, some_params in batches[:-1]:
            self._client.log_batch(run_id, metrics=list(some_points), params=list(some_params))
        # MLflow writes the tags of a batch last
        last_points, last_params = batches[-1]
        if last_points or last_params or tags:
            self._client.log_batch(run_id, metrics=list(last_points), params=list(last_params), tags=tags)
        logged |= new


def open_tracker(storage: Storage, name: str, env: Mapping[str, str] = os.environ) -> MlflowTracker:
    """The tracker of a sweep in the storage folder. It connects with its first call.

    Args:
        storage: the storage folder, where the embedded database lies, or a bucket's address.
        name: of the sweep, and of its MLflow experiment.
        env: may name a server in `MLFLOW_TRACKING_URI`.

    Raises:
        StorageError: there is no such sweep.
    """
    uri = tracking_uri(storage, env)
    identity = sweep_identity(Ledger(storage, name).definition())
    return MlflowTracker(uri, name, identity, artifact_root(storage, uri))


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _record(run: Any) -> RunRecord:
    tags = dict(run.data.tags)
    return RunRecord(
        run_id=run.info.run_id,
        key=tags[KEY_TAG],
        sweep=tags[SWEEP_TAG],
        parent_id=tags.get("mlflow.parentRunId"),
        status=run.info.status,
        params=dict(run.data.params),
        tags=tags,
        datasets=tuple((each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs),
        metrics=dict(run.data.metrics),
    )
