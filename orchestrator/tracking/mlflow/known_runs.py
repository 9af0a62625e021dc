"""Which runs a sweep has on the server, by key; asked once, then remembered."""

from __future__ import annotations

from typing import Any

from orchestrator.tracking.protocol import KEY_TAG, SWEEP_TAG, RunUpdate


class KnownRuns:
    """The runs of a sweep by key.

    Args:
        client: an MlflowClient.
        experiment: name of the experiment; it is created when the first run is.
        sweep: identity of the sweep.
        artifact_root: where files go if the experiment is new.

    Attributes:
        params: what each run has, by its id.
        state: status and name of each run, by its id.
        with_inputs: ids of the runs whose data sets are written.
        experiment_tags: those that this driver has set.
    """

    def __init__(self, client: Any, experiment: str, sweep: str, artifact_root: str | None) -> None:
        self._client = client
        self._experiment = experiment
        self._sweep = sweep
        self._artifact_root = artifact_root
        self._ids: dict[str, str] = {}
        self._by_key: dict[str, list[Any]] = {}
        self.params: dict[str, dict[str, str]] = {}
        self.state: dict[str, tuple[str, str]] = {}
        self.with_inputs: set[str] = set()
        self.experiment_tags: dict[str, str] = {}
        self._experiment_id = ""
        self._restore_experiment()
        for run in self.listed(client, experiment, sweep, deleted_too=True):
            self._by_key.setdefault(run.data.tags[KEY_TAG], []).append(run)

    @staticmethod
    def listed(client: Any, experiment: str, sweep: str, *, deleted_too: bool = False) -> list[Any]:
        """Ask the server for the runs of a sweep, in order of creation."""
        from mlflow.entities import ViewType

        found = client.get_experiment_by_name(experiment)
        if found is None:
            return []
        runs: list[Any] = []
        token = None
        while True:
            page = client.search_runs(
                [found.experiment_id],
                filter_string=f"tags.`{SWEEP_TAG}` = '{sweep}'",
                run_view_type=ViewType.ALL if deleted_too else ViewType.ACTIVE_ONLY,
                max_results=1000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += [run for run in page if KEY_TAG in run.data.tags]
            token = page.token
            if not token:
                return runs

    def find(self, key: str) -> str | None:
        """Id of the run with that key; a deleted one is restored, and of doubled ones the first is kept."""
        if key in self._by_key:
            runs = sorted(self._by_key.pop(key), key=lambda run: bool(run.info.lifecycle_stage != "active"))
            self._settle(key, runs)
        return self._ids.get(key)

    def create(self, update: RunUpdate) -> str:
        """Create a run whose key is in it from its first moment.

        Raises:
            ValueError: its parent has no run.
        """
        tags = {KEY_TAG: update.key, SWEEP_TAG: self._sweep}
        if update.parent is not None:
            parent_id = self.find(update.parent)
            if parent_id is None:
                raise ValueError(f"{update.key} names the parent {update.parent}, which has no run. Apply it first.")
            tags["mlflow.parentRunId"] = parent_id
        run = self._client.create_run(
            self.experiment_id, start_time=update.start_ms or None, tags=tags, run_name=update.name
        )
        self._remember(update.key, run)
        return self._ids[update.key]

    def _settle(self, key: str, runs: list[Any]) -> None:
        kept, doubled = runs[0], runs[1:]
        if kept.info.lifecycle_stage != "active":
            self._client.restore_run(kept.info.run_id)
        for run in doubled:
            if run.info.lifecycle_stage == "active":
                self._client.delete_run(run.info.run_id)
        self._remember(key, kept)

    def _remember(self, key: str, run: Any) -> None:
        self._ids[key] = run.info.run_id
        self.params[run.info.run_id] = dict(run.data.params)
        self.state[run.info.run_id] = (run.info.status, run.info.run_name)

    @property
    def experiment_id(self) -> str:
        """Of the sweep's experiment, which is made if it is not there."""
        if not self._experiment_id:
            self._experiment_id = self._created_experiment()
        return self._experiment_id

    def _created_experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            root = f"{self._artifact_root}/{self._experiment}" if self._artifact_root else None
            return str(self._client.create_experiment(self._experiment, artifact_location=root))
        return str(found.experiment_id)

    def _restore_experiment(self) -> None:
        """Take back the deletion of the experiment, which its runs would otherwise share."""
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None and found.lifecycle_stage != "active":
            self._client.restore_experiment(found.experiment_id)
