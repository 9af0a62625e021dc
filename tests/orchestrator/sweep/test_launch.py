import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.audit import audit
from orchestrator.errors import SweepLocked
from orchestrator.executors.inline import InlineExecutor
from orchestrator.results import result_rows
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import run_sweep
from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Resources
from tests.orchestrator.sweep.tiny import Killed, Watcher, launch, outcome, repeated_epochs, start
from trainables.spec import Laplace, Temperature


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A finished sweep, and how many changes its driver told of."""
    storage = tmp_path_factory.mktemp("undisturbed")
    watcher = Watcher()
    ended = start(storage, watcher)
    assert ended.finished
    assert not ended.failed_tasks
    return storage, watcher.changes


def test_a_finished_sweep_has_every_trial_member_task_and_ensemble(undisturbed: tuple[Path, int]) -> None:
    storage, _ = undisturbed
    rows = {row.name: row for row in result_rows(Store(storage), Ledger(storage, "tiny"))}
    trials = [row for row in rows.values() if row.kind == "trial"]
    assert len(trials) == 4
    assert {row.state for row in trials} <= {"completed", "stopped"}
    for row in rows.values():
        if row.state == "completed":
            assert row.metrics["test/accuracy"] is not None
            assert row.metrics["temperature/test/nll"] is not None
    assert rows["member-0000"].state == "completed"
    assert len(rows["ensemble_seeds_2"].members) == 2
    assert Ledger(storage, "tiny").state() == "finished"


def test_a_driver_killed_at_any_moment_goes_on_and_ends_with_the_same_bits(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    storage, changes = undisturbed
    wanted = outcome(storage)
    for kill_at in range(2, changes, 3):
        again = tmp_path / str(kill_at)
        with pytest.raises(Killed):
            start(again, Watcher(kill_at=kill_at))
        assert Ledger(again, "tiny").state() == "interrupted"
        assert start(again).finished
        assert repeated_epochs(again) == []
        got = outcome(again)
        # ASHA's decisions depend on the order of the reports, so trials it stopped may differ; networks may not
        shared = set(got["weights"]) & set(wanted["weights"])
        assert shared
        assert {key: got["weights"][key] for key in shared} == {key: wanted["weights"][key] for key in shared}
        shutil.rmtree(again)


def test_without_a_scheduler_the_whole_table_is_equal_after_kills(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    assert start(calm, scheduler=None, searcher="random").finished
    for kill_at in (3, 7, 8):
        with pytest.raises(Killed):
            start(killed, Watcher(kill_at=kill_at), scheduler=None, searcher="random")
    assert start(killed, scheduler=None, searcher="random").finished
    assert outcome(killed) == outcome(calm)
    assert repeated_epochs(killed) == []


def test_a_second_start_computes_nothing(undisturbed: tuple[Path, int]) -> None:
    storage, _ = undisturbed
    before = {path: path.stat().st_mtime_ns for path in (storage / "artifacts").rglob("*")}
    assert start(storage).finished
    assert {path: path.stat().st_mtime_ns for path in (storage / "artifacts").rglob("*")} == before


def test_an_interrupt_leaves_trials_that_the_next_start_goes_on_with(tmp_path: Path) -> None:
    ended = start(tmp_path, Watcher(interrupt_at=4))
    assert not ended.finished
    assert ended.left > 0
    assert Ledger(tmp_path, "tiny").state() == "interrupted"
    assert start(tmp_path).finished
    assert repeated_epochs(tmp_path) == []


def test_more_trials_extend_the_sweep_and_supersede_its_ensembles(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    storage = tmp_path / "extended"
    shutil.copytree(undisturbed[0], storage)
    before = outcome(storage)
    assert start(storage, trials=7).finished
    after = outcome(storage)
    assert after["rows"][:4] == before["rows"][:4]
    assert len([row for row in after["rows"] if row[0].startswith("trial")]) == 7
    ensembles = Ledger(storage, "tiny").ensembles()
    assert {plain["name"] for plain in ensembles.values() if not plain["superseded"]} == {
        "ensemble_seeds_2",
        "ensemble_top_2",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 3}, "--trials 3 asks for fewer"),
        ({"seed": 9}, "seed: 0 there, 9 here"),
        ({"scheduler": None}, "scheduler"),
        ({"objectives": (Objective(metric="val/ece", mode="min"),)}, "val/ece"),
    ],
)
def test_another_sweep_under_the_same_name_is_refused_and_nothing_changes(
    undisturbed: tuple[Path, int], changes: dict[str, object], message: str
) -> None:
    storage, _ = undisturbed
    before = outcome(storage)
    with pytest.raises(ValueError, match=message):
        start(storage, **changes)
    assert outcome(storage) == before
    assert Ledger(storage, "tiny").state() == "finished"


def test_a_deleted_result_is_computed_again_and_no_other(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    storage = tmp_path / "deleted"
    shutil.copytree(undisturbed[0], storage)
    store = Store(storage)
    key = store.keys("temperature")[0]
    metrics = store.manifest(key).meta["metrics"]
    others = {each: store.manifest(each).committed_at for each in store.keys("temperature")[1:] + store.keys("network")}
    store.delete(key)
    assert start(storage, posthoc_only=True).finished
    assert store.manifest(key).meta["metrics"] == metrics
    assert {each: store.manifest(each).committed_at for each in others} == others


def test_a_task_that_fails_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    full = Laplace(hessian_structure="full", memory_bytes=1)
    ended = start(tmp_path, posthoc=(full, Temperature()), trials=1, member_seeds=0, scheduler=None)
    assert ended.finished
    assert len(ended.failed_tasks) == 1
    assert "kron" in next(iter(ended.failed_tasks.values()))
    ledger = Ledger(tmp_path, "tiny")
    assert list(ledger.failures()) == list(ended.failed_tasks)
    assert len(Store(tmp_path).keys("temperature")) == 1


def test_a_trial_that_diverges_fails_alone(tmp_path: Path) -> None:
    def explosive(trial: object) -> object:
        spec = launch(tmp_path).sweep.space(trial)  # type: ignore[arg-type]
        if spec.optimizer.learning_rate > 1e-2:
            optimizer = replace(spec.optimizer, kind="sgd", learning_rate=1e30)
            return replace(spec, optimizer=optimizer, schedule=replace(spec.schedule, clip_norm=None))
        return spec

    ended = start(tmp_path, space=explosive, trials=6, searcher="random", scheduler=None, member_seeds=0)
    assert ended.finished
    assert ended.failed_trials
    failed = [row for row in Ledger(tmp_path, "tiny").rows() if row.state == "failed"]
    assert all("diverged" in row.reason for row in failed)
    assert any(row.state == "completed" for row in Ledger(tmp_path, "tiny").rows())
    again = {"space": explosive, "trials": 6, "searcher": "random", "scheduler": None, "member_seeds": 0}
    assert start(tmp_path, **again).failed_trials == ended.failed_trials
    assert [row.ended for row in Ledger(tmp_path, "tiny").rows() if row.state == "failed"] == [
        row.ended for row in failed
    ]
    assert start(tmp_path, retry_failed=True, **again).failed_trials == ended.failed_trials
    assert all(
        row.ended > before.ended
        for row, before in zip(
            [row for row in Ledger(tmp_path, "tiny").rows() if row.state == "failed"], failed, strict=True
        )
    )


def test_two_objectives_make_a_pareto_search_that_ends(tmp_path: Path) -> None:
    objectives = (Objective(metric="val/accuracy", mode="max"), Objective(metric="val/ece", mode="min"))
    assert start(tmp_path, objectives=objectives, searcher="nsga2", scheduler=Asha()).finished


def test_an_objective_of_a_posthoc_task_is_computed_by_the_trial(tmp_path: Path) -> None:
    objective = Objective(metric="laplace_diag/val/nll", mode="min")
    tasks = (Laplace(hessian_structure="diag"),)
    ended = start(tmp_path, objectives=(objective,), posthoc=tasks, scheduler=None, trials=2, member_seeds=1)
    assert ended.finished
    store = Store(tmp_path)
    rows = result_rows(store, Ledger(tmp_path, "tiny"))
    values = {row.name: row.metrics["laplace_diag/val/nll"] for row in rows}
    best = min((name for name in values if name.startswith("trial")), key=lambda name: values[name] or 9)
    spec = {row.name: row.spec for row in Ledger(tmp_path, "tiny").rows()}
    assert spec["member-0000"]["optimizer"] == spec[best]["optimizer"]


def test_the_second_of_two_drivers_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path, "tiny").lock, pytest.raises(SweepLocked, match="run by process"):
        run_sweep(launch(tmp_path), InlineExecutor())


def test_tasks_of_stopped_trials_are_computed_when_they_are_asked_for(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    storage = tmp_path / "stopped"
    shutil.copytree(undisturbed[0], storage)
    store, ledger = Store(storage), Ledger(storage, "tiny")
    stopped = [row for row in ledger.rows() if row.state == "stopped"]
    assert stopped
    before = {row.name: row.metrics for row in result_rows(store, ledger)}
    assert all("test/accuracy" not in before[row.name] for row in stopped)
    assert start(storage, posthoc_only=True, stopped_too=True).finished
    after = {row.name: row.metrics for row in result_rows(store, ledger)}
    for row in stopped:
        assert row.best is not None
        assert after[row.name]["test/accuracy"] is not None
        assert after[row.name]["val/nll"] == pytest.approx(row.best.metrics["val/nll"], rel=1e-5)
    assert not any(store.exists(row.key) for row in stopped)
    assert audit(store, ledger, None).ok


def test_a_group_of_workers_is_not_run_in_this_process(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs Ray\. Leave --inline out"):
        start(tmp_path, resources=Resources(workers=2))


def test_more_workers_than_images_in_a_batch_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="resources/workers is 17 and schedule/batch_size is 16"):
        start(tmp_path, resources=Resources(workers=17))
    assert not Ledger(tmp_path, "tiny").exists()
