from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import TrackingError
from orchestrator.tracking.memory import MemoryServer
from orchestrator.tracking.mirror import Mirror
from orchestrator.tracking.mirror_thread import MirrorThread
from orchestrator.tracking.mlflow import open_tracker, tracking_uri
from orchestrator.tracking.protocol import KEY_TAG
from tests.orchestrator.tracking.mirrors import PNG, mirror_to, state_of
from tests.orchestrator.tracking.small_sweep import TASKS, SmallSweep


def test_a_finished_sweep_stands_on_the_server_as_a_tree(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    first, _ = sweep.complete()
    mirror_to(server, sweep).sync()
    runs = {run.name: run for run in server.runs}
    assert list(runs) == ["demo", "trial-0000", "trial-0001", "ensemble_top_2"]
    assert {run.parent_id for run in server.runs if run.name != "demo"} == {runs["demo"].run_id}
    assert {run.status for run in server.runs} == {"FINISHED"}
    trial = runs["trial-0000"]
    assert trial.params["loss/kind"] == "cross_entropy"
    assert trial.params["schedule/epochs"] == "3"
    assert trial.tags[KEY_TAG] == first.key
    assert sorted(trial.artifacts) == [
        "figures/aopc_curve.png",
        "figures/aopc_overlays.png",
        "figures/aopc_saliency.png",
        "figures/learning_curves.png",
        "figures/reliability.png",
        "spec.json",
    ]
    assert all(content.startswith(PNG) for path, content in trial.artifacts.items() if path.endswith(".png"))
    assert runs["ensemble_top_2"].artifacts["figures/reliability.png"].startswith(PNG)
    assert b'"train"' in runs["demo"].artifacts["data/data-0123456789abcdef.json"]
    assert b"patient-7" not in runs["demo"].artifacts["data/data-0123456789abcdef.json"]


@pytest.mark.usefixtures("no_pictures")
def test_the_history_has_one_point_an_epoch_with_the_times_of_computation(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    row, _ = sweep.complete()
    mirror_to(server, sweep).sync()
    trial = next(run for run in server.runs if run.key == row.key)
    accuracy = [point for point in trial.points if point.name == "val/accuracy"]
    assert [point.step for point in accuracy] == [1, 2, 3]
    assert [point.time_ms for point in accuracy] == [round(report.time * 1000) for report in row.reports]
    values = {point.name: point.value for point in trial.points}
    assert values["temperature/test/accuracy"] == 0.75
    assert values["test/accuracy"] == 0.75
    assert values["best/epoch"] == 3
    assert "test/auroc" not in values


@pytest.mark.usefixtures("no_pictures")
def test_a_second_sync_sends_nothing_and_a_new_driver_asks_and_sends_nothing(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.complete()
    mirror = mirror_to(server, sweep)
    assert mirror.sync() == 4
    writes = server.writes
    assert mirror.sync() == 0
    assert mirror_to(server, sweep).sync() == 0
    (sweep.ledger.folder / "tracking-arrived").unlink()
    assert mirror_to(server, sweep).sync() == 0, "the digests on the server say it too"
    assert server.writes == writes
    server.unreachable = True
    assert mirror_to(server, sweep).sync() == 0, "nothing has changed, so that nobody is asked"


@pytest.mark.usefixtures("no_pictures")
def test_another_server_is_filled_though_nothing_has_changed(tmp_path: Path) -> None:
    sweep = SmallSweep(tmp_path)
    sweep.complete()
    for server in (MemoryServer(), MemoryServer()):
        assert mirror_to(server, sweep).sync() == 4


@pytest.mark.usefixtures("no_pictures")
def test_a_later_start_that_finds_all_done_sends_nothing(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.complete()
    mirror_to(server, sweep).sync()
    server.unreachable = True
    sweep.ledger.write_outcome("running")
    sweep.ledger.write_outcome("finished")
    assert MirrorThread(mirror_to(server, sweep)).close(20).complete


@pytest.mark.usefixtures("no_pictures")
def test_only_new_points_are_sent(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.define()
    row = sweep.train(sweep.draw(0), 2)
    mirror = mirror_to(server, sweep)
    mirror.sync()
    before = server.writes
    sweep.train(row, 1)
    assert mirror.sync() == 1
    assert server.writes == before + 2


def play(sweep: SmallSweep) -> Any:
    """A sweep as it grows, one change at a time."""
    sweep.define()
    yield
    first, second = sweep.draw(0), sweep.draw(1)
    first, second = sweep.train(first, 2), sweep.train(second, 1)
    yield
    first = sweep.end(sweep.train(first, 1))
    second = sweep.end(second, "stopped")
    yield
    for task in TASKS:
        sweep.compute(first, task)
    third = sweep.end(sweep.train(sweep.draw(2), 3))
    yield
    sweep.pool(first, third)
    sweep.ledger.write_outcome("finished")
    yield


@pytest.mark.usefixtures("no_pictures")
def test_a_driver_killed_after_any_write_doubles_nothing_and_loses_nothing(tmp_path: Path) -> None:
    sweep, undisturbed = SmallSweep(tmp_path), MemoryServer()
    for _ in play(sweep):
        pass
    mirror_to(undisturbed, sweep).sync()
    expected = state_of(undisturbed)
    assert len(expected) == 5
    for kill_after in range(undisturbed.writes):
        server = MemoryServer(writes_left=kill_after)
        with pytest.raises(TrackingError):
            mirror_to(server, sweep).sync()
        server.writes_left = None
        mirror_to(server, sweep).sync()
        assert state_of(server) == expected, f"killed after {kill_after} writes"


@pytest.mark.usefixtures("no_pictures")
def test_kills_while_the_sweep_grows_end_in_the_same_state(tmp_path: Path) -> None:
    for kill_after in range(0, 40, 4):
        server = MemoryServer(writes_left=kill_after)
        sweep = SmallSweep(tmp_path / str(kill_after))
        mirror = mirror_to(server, sweep)
        for _ in play(sweep):
            try:
                mirror.sync()
            except TrackingError:
                server.writes_left = None
                mirror = mirror_to(server, sweep)
        mirror.sync()
        at_once = MemoryServer()
        mirror_to(at_once, sweep).sync()
        assert state_of(server) == state_of(at_once)


@pytest.mark.usefixtures("no_pictures")
def test_the_same_description_drawn_twice_is_one_run_with_both_numbers(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.define()
    sweep.end(sweep.train(sweep.draw(0, seed=5), 3))
    mirror = mirror_to(server, sweep)
    mirror.sync()
    sweep.end(sweep.draw(3, seed=5), "stopped")
    mirror.sync()
    children = [run for run in server.runs if run.parent_id]
    assert [(run.name, run.status, run.tags["orchestrator.trial"]) for run in children] == [
        ("trial-0000 trial-0003", "FINISHED", "0 3")
    ]


@pytest.mark.usefixtures("no_pictures")
def test_states_of_trials_show_as_states_of_runs(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.define()
    sweep.train(sweep.draw(0), 1)
    sweep.end(sweep.train(sweep.draw(1), 1), "stopped")
    sweep.end(sweep.draw(2), "failed", reason="loss is NaN in step 3")
    mirror = mirror_to(server, sweep)
    with sweep.ledger.lock:
        mirror.sync()
        statuses = {run.name: run.status for run in server.runs}
        assert statuses == {"demo": "RUNNING", "trial-0000": "RUNNING", "trial-0001": "KILLED", "trial-0002": "FAILED"}
    mirror.sync()
    statuses = {run.name: (run.status, run.tags["orchestrator.state"]) for run in server.runs}
    assert statuses["demo"] == ("KILLED", "interrupted")
    assert statuses["trial-0000"] == ("KILLED", "interrupted")
    assert next(run for run in server.runs if run.name == "trial-0002").tags["orchestrator.reason"].startswith("loss")


@pytest.mark.usefixtures("no_pictures")
def test_failed_tasks_and_superseded_ensembles_are_tagged(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    rows = sweep.complete()
    key = sweep.pool(*rows)
    sweep.ledger.write_ensemble(key, {**sweep.ledger.ensembles()[key], "superseded": True})
    sweep.ledger.write_failure(_key_of_temperature(rows[0].key), {"task": {}, "members": [], "error": "no"})
    mirror_to(server, sweep).sync()
    tags = {run.key: run.tags for run in server.runs}
    assert tags[key]["orchestrator.superseded"] == "yes"
    assert tags[rows[0].key]["orchestrator.failed_tasks"] == "temperature"
    assert tags[rows[1].key]["orchestrator.failed_tasks"] == "none"


def test_a_damaged_result_gives_a_picture_that_says_so(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    row, _ = sweep.complete()
    (sweep.store.folder(row.key) / "predictions-test.safetensors").write_bytes(b"damaged")
    mirror_to(server, sweep).sync()
    trial = next(run for run in server.runs if run.key == row.key)
    assert trial.artifacts["figures/reliability.png"].startswith(PNG)


def test_a_sweep_of_the_same_name_started_anew_has_runs_of_its_own(tmp_path: Path) -> None:
    server = MemoryServer()
    for created in (1.0, 2.0):
        sweep = SmallSweep(tmp_path / str(created))
        sweep.define(created=created)
        mirror_to(server, sweep).sync()
    assert len(server.runs) == 2


def test_the_mirror_fills_mlflow(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    sweep = SmallSweep(tmp_path)
    row, _ = sweep.complete()
    open_embedded = functools.partial(open_tracker, tmp_path, "demo", {})
    assert Mirror(open_embedded, sweep.store, sweep.ledger).sync() == 4
    assert Mirror(open_embedded, sweep.store, sweep.ledger).sync() == 0
    client = MlflowClient(tracking_uri=tracking_uri(tmp_path, {}))
    runs = client.search_runs([client.get_experiment_by_name("demo").experiment_id])
    trial = next(run for run in runs if run.data.tags[KEY_TAG] == row.key)
    assert [point.step for point in client.get_metric_history(trial.info.run_id, "val/nll")] == [1, 2, 3]
    assert "figures/reliability.png" in {each.path for each in client.list_artifacts(trial.info.run_id, "figures")}
    assert list(tmp_path.glob("mlartifacts/demo/*/artifacts/figures/aopc_saliency.png"))
    assert open_embedded().delete() == 4
    assert open_embedded().runs() == []
    assert not list(tmp_path.glob("mlartifacts/demo/*")), "deleted pictures of patients must not stay on the disk"
    (tmp_path / "sweeps" / "demo" / "tracking-arrived").unlink()
    assert Mirror(open_embedded, sweep.store, sweep.ledger).sync() == 4
    assert list(tmp_path.glob("mlartifacts/demo/*/artifacts/figures/aopc_saliency.png"))


def _key_of_temperature(network: str) -> str:
    from trainables.spec import Temperature, posthoc_key

    return posthoc_key(Temperature(), [network])


def test_the_mirror_imports_neither_torch_nor_mlflow_nor_matplotlib_before_it_needs_them() -> None:
    heavy = "('torch', 'mlflow', 'matplotlib', 'ray', 'optuna')"
    code = "import sys, orchestrator.audit, orchestrator.tracking.mlflow, orchestrator.tracking.mirror_thread\n"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
