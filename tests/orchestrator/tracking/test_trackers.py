"""One contract for every tracker: memory, MLflow over sqlite, MLflow over a real server."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import TrackingError
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mlflow import MlflowTracker, artifact_root, tracking_uri
from orchestrator.tracking.protocol import (
    KEY_TAG,
    SWEEP_TAG,
    MetricPoint,
    RunUpdate,
    TrackedData,
    Tracker,
    View,
    text_artifact,
)
from tests.orchestrator.tracking.servers import free_port, mlflow_server

OpenTracker = Callable[[str], Tracker]

names = (f"sweep{n}" for n in itertools.count())


@pytest.fixture(
    scope="module", params=["memory", "sqlite", pytest.param("server", marks=pytest.mark.slow)], ids=lambda name: name
)
def open_tracker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenTracker]:
    """A new tracker, as a new driver would open it, for the sweep of the given name."""
    folder = tmp_path_factory.mktemp("tracking storage")
    if request.param == "memory":
        server = MemoryServer()
        yield lambda sweep: MemoryTracker(sweep, server)
    elif request.param == "sqlite":
        uri = tracking_uri(folder, {})
        yield lambda sweep: MlflowTracker(uri, sweep, f"{sweep}@1", artifact_root(folder, uri))
    else:
        with mlflow_server(folder, free_port()) as uri:
            yield lambda sweep: MlflowTracker(uri, sweep, f"{sweep}@1")


@pytest.fixture
def sweep() -> str:
    return next(names)


def parent(**changes: object) -> RunUpdate:
    return RunUpdate(**{"key": "parent", "name": "demo", "parent": None, "start_ms": 1_000_000, **changes})  # type: ignore[arg-type]


def child(**changes: object) -> RunUpdate:
    given = {"key": "network-1", "name": "trial-0000", "parent": "parent", "start_ms": 2_000_000, **changes}
    return RunUpdate(**given)  # type: ignore[arg-type]


def points(epochs: int, name: str = "val/accuracy") -> list[MetricPoint]:
    return [MetricPoint(name=name, value=n / 10, step=n, time_ms=5_000_000 + n) for n in range(1, epochs + 1)]


def test_a_run_holds_what_the_update_says(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    parent_id = tracker.apply(parent())
    update = child(
        params={"loss/kind": "focal"}, tags={"orchestrator.trial": "0"}, metrics=points(3), status="FINISHED"
    )
    run_id = tracker.apply(update)
    record = next(run for run in tracker.runs() if run.run_id == run_id)
    assert (record.key, record.parent_id, record.status) == ("network-1", parent_id, "FINISHED")
    assert record.params == {"loss/kind": "focal"}
    assert record.tags["orchestrator.trial"] == "0"
    assert record.tags[KEY_TAG] == "network-1"
    assert record.metrics == {"val/accuracy": pytest.approx(0.3)}
    assert tracker.history("network-1", "val/accuracy") == points(3)


def test_applying_twice_changes_nothing_even_by_another_driver(open_tracker: OpenTracker, sweep: str) -> None:
    update = child(params={"a": "1"}, metrics=points(4), artifacts={"spec.json": text_artifact("{}")})
    ids = set()
    for tracker in (open_tracker(sweep), open_tracker(sweep)):
        for _ in range(2):
            tracker.apply(parent())
            ids.add(tracker.apply(update))
    assert len(ids) == 1
    assert len(open_tracker(sweep).runs()) == 2
    assert open_tracker(sweep).history("network-1", "val/accuracy") == points(4)


def test_a_longer_history_continues_the_same_run(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    tracker.apply(parent())
    tracker.apply(child(metrics=points(2)))
    open_tracker(sweep).apply(child(metrics=points(5)))
    assert open_tracker(sweep).history("network-1", "val/accuracy") == points(5)


def test_more_points_than_a_batch_takes_arrive_in_full(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    tracker.apply(parent())
    params = {f"p{n}": str(n) for n in range(230)}
    tracker.apply(child(metrics=points(2100), params=params))
    assert len(tracker.history("network-1", "val/accuracy")) == 2100
    assert {run.key: run for run in tracker.runs()}["network-1"].params == params


def test_non_finite_points_are_left_out(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    tracker.apply(parent())
    bad = [MetricPoint(name="val/nll", value=value, step=1, time_ms=1) for value in (float("nan"), float("inf"))]
    tracker.apply(child(metrics=[*bad, *points(1)]))
    assert {run.key: run for run in tracker.runs()}["network-1"].metrics == {"val/accuracy": pytest.approx(0.1)}


def test_the_first_value_of_a_param_stays_and_the_others_arrive(open_tracker: OpenTracker, sweep: str) -> None:
    open_tracker(sweep).apply(parent(params={"a": "1"}))
    open_tracker(sweep).apply(parent(params={"a": "2", "b": "3"}))
    assert open_tracker(sweep).runs()[0].params == {"a": "1", "b": "3"}


def test_long_texts_are_cut(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    tracker.apply(parent(params={"long": "x" * 20_000}, tags={"long": "y" * 20_000}))
    run = tracker.runs()[0]
    assert len(run.params["long"]) == 6000
    assert run.params["long"].endswith("...")
    assert run.tags["long"].startswith("yyy")


def test_a_finished_run_can_go_on(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    for status in ("RUNNING", "FINISHED", "RUNNING", "KILLED", "FAILED"):
        tracker.apply(parent(status=status, end_ms=0 if status == "RUNNING" else 9_000_000))
        assert [run.status for run in tracker.runs()] == [status]


def test_a_later_tag_and_name_replace_the_earlier(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    tracker.apply(parent(tags={"orchestrator.state": "running"}))
    tracker.apply(parent(tags={"orchestrator.state": "finished"}, name="renamed"))
    assert tracker.runs()[0].tags["orchestrator.state"] == "finished"


def test_sweeps_do_not_see_each_other(open_tracker: OpenTracker, sweep: str) -> None:
    other = next(names)
    open_tracker(sweep).apply(parent())
    open_tracker(other).apply(parent())
    assert len(open_tracker(sweep).runs()) == 1
    assert open_tracker(sweep).runs()[0].tags[SWEEP_TAG] != open_tracker(other).runs()[0].tags[SWEEP_TAG]


def test_a_child_without_its_parent_is_refused(open_tracker: OpenTracker, sweep: str) -> None:
    with pytest.raises(ValueError, match="Apply it first"):
        open_tracker(sweep).apply(child())


def test_deleted_runs_are_gone_and_come_back_when_applied_again(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    first = tracker.apply(parent())
    tracker.apply(child(metrics=points(2)))
    assert tracker.delete() == 2
    assert tracker.runs() == []
    assert tracker.delete() == 0
    assert tracker.apply(parent()) == first
    tracker.apply(child(metrics=points(3)))
    assert tracker.history("network-1", "val/accuracy") == points(3)


def test_mlflow_restores_runs_deleted_behind_its_back_and_keeps_one_of_doubled_ones(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = tracking_uri(tmp_path, {})
    tracker = MlflowTracker(uri, "demo", "demo@1", artifact_root(tmp_path, uri))
    run_id = tracker.apply(parent())
    client = MlflowClient(tracking_uri=uri)
    client.delete_run(run_id)
    with pytest.raises(TrackingError):
        tracker.apply(parent(tags={"a": "1"}))
    assert tracker.apply(parent(tags={"a": "1"})) == run_id
    experiment = client.get_experiment_by_name("demo").experiment_id
    doubled = client.create_run(experiment, tags={KEY_TAG: "parent", SWEEP_TAG: "demo@1"}).info.run_id
    assert {run.run_id for run in tracker.runs()} == {run_id, doubled}
    MlflowTracker(uri, "demo", "demo@1").apply(parent())
    assert [run.run_id for run in tracker.runs()] == [run_id]
    client.delete_experiment(experiment)
    assert MlflowTracker(uri, "demo", "demo@1").apply(parent()) == run_id


def test_mlflow_keeps_files_below_the_storage_folder_and_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = tracking_uri(tmp_path, {})
    logging.getLogger("orchestrator.tracking").disabled = False
    tracker = MlflowTracker(uri, "demo", "demo@1", artifact_root(tmp_path, uri))
    tracker.apply(parent(artifacts={"figures/a.txt": text_artifact("told")}, status="FINISHED", end_ms=5))
    assert [path.read_text() for path in tmp_path.glob("mlartifacts/demo/*/artifacts/figures/a.txt")] == ["told"]
    assert not logging.getLogger("orchestrator.tracking").disabled
    assert capfd.readouterr() == ("", "")


def test_an_absent_server_is_told_within_seconds() -> None:
    uri = f"http://someone:secret@127.0.0.1:{free_port()}"
    with pytest.raises(TrackingError, match=r"cannot be reached.*MLFLOW_TRACKING_URI") as caught:
        MlflowTracker(uri, "demo", "demo@1").runs()
    assert "secret" not in str(caught.value)


def test_an_import_that_was_broken_off_is_made_anew(tmp_path: Path) -> None:
    """Two threads that import at once may leave MLflow half made; the next sync must not find that half."""
    code = f"""
import sys, types
from orchestrator.tracking.mlflow.client import open_client
sys.modules["mlflow"] = sys.modules["mlflow.tracking"] = types.ModuleType("mlflow.tracking")
print("got", type(open_client("sqlite:///{tmp_path}/mlflow.db")).__name__)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "got MlflowClient\n"


def test_a_file_that_is_no_database_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database, but long enough to be taken for one" * 50)
    with pytest.raises(TrackingError, match="Move it away"):
        MlflowTracker(tracking_uri(tmp_path, {}), "demo", "demo@1").runs()


def test_asking_for_runs_makes_no_database(tmp_path: Path) -> None:
    tracker = MlflowTracker(tracking_uri(tmp_path / "none", {}), "demo", "demo@1")
    assert tracker.runs() == []
    assert tracker.history("network-1", "val/accuracy") == []
    assert tracker.delete() == 0
    assert not (tmp_path / "none").exists()


def test_the_user_s_server_comes_before_the_embedded_database(tmp_path: Path) -> None:
    assert tracking_uri(tmp_path, {"MLFLOW_TRACKING_URI": "http://there"}) == "http://there"
    assert tracking_uri(tmp_path, {}) == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_root(tmp_path, "http://there") is None


def test_a_server_in_memory_can_be_away() -> None:
    tracker = MemoryTracker("demo", MemoryServer(unreachable=True))
    with pytest.raises(TrackingError):
        tracker.apply(parent())


DATA = TrackedData(name="data", digest="0123456789abcdef", source="data-0123456789abcdef", schema="{}", profile="{}")


def test_a_data_set_is_an_input_once_whoever_applies(open_tracker: OpenTracker, sweep: str) -> None:
    for _ in range(2):
        tracker = open_tracker(sweep)
        tracker.apply(parent())
        tracker.apply(child(datasets=[DATA]))
        tracker.apply(child(datasets=[DATA], status="FINISHED", end_ms=3_000_000))
    (record,) = [run for run in open_tracker(sweep).runs() if run.key == "network-1"]
    assert record.datasets == (("data", "0123456789abcdef"),)


def test_a_view_can_be_applied_again_and_again(open_tracker: OpenTracker, sweep: str) -> None:
    tracker = open_tracker(sweep)
    for metric in ("val/nll", "val/auroc"):
        tracker.apply(parent(view=View(metrics=[metric], params=["loss"], order_by=metric, ascending=True)))
    assert len(tracker.runs()) == 1


def test_the_view_is_what_mlflow_s_pages_read(tmp_path: Path) -> None:
    import json

    from mlflow.tracking import MlflowClient

    from orchestrator.tracking.mlflow import sweep_pages

    uri = tracking_uri(tmp_path, {})
    tracker = MlflowTracker(uri, "demo", "demo@1", artifact_root(tmp_path, uri))
    view = View(
        metrics=["val/nll", "test/ece"],
        params=["loss", "loss/gamma"],
        order_by="val/nll",
        ascending=True,
        compared_params=["loss"],
        compared_metrics=["best/val/nll"],
    )
    tracker.apply(parent(view=view))
    experiment = MlflowClient(uri).get_experiment_by_name("demo")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    state = json.loads(experiment.tags["mlflow.sharedViewState.orchestrator"])
    assert "metrics.`test/ece`" in state["selectedColumns"]
    assert state["orderByKey"] == "metrics.`val/nll`"
    (chart,) = state["compareRunCharts"]
    assert (chart["selectedParams"], chart["selectedMetrics"]) == (["loss"], ["best/val/nll"])
    tree = json.loads(experiment.tags["mlflow.sharedViewState.orchestrator-tree"])
    assert tree == {**state, "orderByKey": "attributes.start_time", "orderByAsc": False}
    (pages,) = sweep_pages(uri, "http://127.0.0.1:5000")
    assert pages.name == "demo"
    for page in (pages.ranked, pages.tree, pages.charts):
        assert page.startswith(f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs?")
