"""After a storage was cleaned everything goes on as before, with equal bits."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.audit import audit
from orchestrator.cleaning.cleaning import Cleaning, find_cleaning
from orchestrator.cli import cli
from orchestrator.mending import take_back
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from search_spaces.schedulers import Pbt
from tests.orchestrator.sweep.tiny import SWEEP, Watcher, outcome, start
from trainables.spec import Conformal, Ensemble, Evaluation, Schedule
from trainables.spec.files import OPTIMIZER, WEIGHTS


def cleaned(storage: Path, **options: Any) -> Cleaning:
    ledger = Ledger(storage, "tiny")
    with ledger.lock:
        found = find_cleaning(storage, [ledger], **options)
        found.run(Store(storage))
    return found


def files_of(storage: Path) -> dict[str, int]:
    folder = storage / "artifacts"
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with complete, stopped and member trainings."""
    storage = tmp_path_factory.mktemp("finished")
    assert start(storage).finished
    return storage


@pytest.fixture
def storage(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "runs")
    return tmp_path / "runs"


def test_a_dry_run_says_what_goes_and_changes_nothing(storage: Path) -> None:
    before = files_of(storage)
    call = ["gc", "tiny", "--storage", str(storage), "--json"]
    dry = json.loads(CliRunner().invoke(cli, [*call, "--dry-run"], catch_exceptions=False).stdout)
    assert files_of(storage) == before
    assert dry["bytes_before"] <= sum(before.values())
    real = json.loads(CliRunner().invoke(cli, call, catch_exceptions=False).stdout)
    assert {**real, "dry_run": True} == dry
    notes = sum(size for name, size in files_of(storage).items() if name.endswith("thinned.txt") and name not in before)
    gone = sum(before.values()) - (sum(files_of(storage).values()) - notes)
    assert abs(gone - real["bytes_freed"]) < 40 * len(real["thinned"])  # a note that was there may have become longer
    again = json.loads(CliRunner().invoke(cli, call, catch_exceptions=False).stdout)
    assert again["bytes_freed"] == 0


def test_of_a_complete_training_the_best_weights_stay_and_of_a_stopped_one_its_last_state(storage: Path) -> None:
    cleaned(storage)
    store = Store(storage)
    states = set()
    for row in Ledger(storage, "tiny").rows():
        states.add(row.state)
        steps = store.steps(row.fit_key)
        has = {name: {step for step in steps if store.file(step, name).is_file()} for name in (OPTIMIZER, WEIGHTS)}
        best = f"{row.fit_key}/epoch-{row.reports[-1].best_epoch:04d}"
        if row.state == "completed":
            assert has == {OPTIMIZER: set(), WEIGHTS: {best}}
        else:
            assert has == {OPTIMIZER: {steps[-1]}, WEIGHTS: {best, steps[-1]}}
    assert states == {"completed", "stopped"}


def test_after_it_the_audit_is_clean_and_everything_goes_on_with_equal_bits(
    finished: Path, storage: Path, tmp_path: Path
) -> None:
    calm = tmp_path / "calm"
    shutil.copytree(finished, calm)
    cleaned(storage)
    store, ledger = Store(storage), Ledger(storage, "tiny")
    assert audit(store, ledger, None, contents=True).ok
    assert outcome(storage) == outcome(finished)
    more = {"trials": 6, "posthoc": (*SWEEP.posthoc, Conformal())}
    for each in (calm, storage):  # an extension, a new task, and the stopped trials' networks
        ended = start(each, stopped_too=True, **more)
        assert ended.finished
        assert not ended.failed_tasks
    assert outcome(storage) == outcome(calm)
    assert store.keys("conformal") == Store(calm).keys("conformal")
    assert audit(store, ledger, None, contents=True).ok


def test_a_damaged_network_is_made_again_from_the_best_weights(finished: Path, storage: Path) -> None:
    cleaned(storage)
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = next(row for row in ledger.rows() if row.state == "completed")
    store.file(row.key, WEIGHTS).write_bytes(b"x" * store.manifest(row.key).files[WEIGHTS]["bytes"])
    with ledger.lock:
        take_back(store, ledger, [row.key])
    assert start(storage).finished
    assert outcome(storage) == outcome(finished)
    assert audit(store, ledger, None, contents=True).ok


def test_a_sweep_that_was_interrupted_resumes_after_it(finished: Path, tmp_path: Path) -> None:
    storage = tmp_path / "broken"
    assert not start(storage, Watcher(interrupt_at=9)).finished
    running = [row.fit_key for row in Ledger(storage, "tiny").rows() if row.state == "running"]
    assert running
    found = cleaned(storage)
    assert not [each for each in found.thinnings if each.step.split("/")[0] in running]
    assert start(storage).finished
    assert outcome(storage) == outcome(finished)


def test_what_another_sweep_stopped_or_still_trains_is_kept(storage: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = next(row for row in ledger.rows() if row.state == "completed")
    other = Ledger(storage, "other")
    other.write_definition({**ledger.definition(), "name": "other"})
    other.write_row(replace(row, state="running"))
    assert not [each for each in cleaned(storage).thinnings if each.step.startswith(row.fit_key)]
    best, stopped_at = row.reports[-1].best_epoch, next(n for n in (3, 2) if n != row.reports[-1].best_epoch)
    told = [*row.reports[: stopped_at - 1], replace(row.reports[stopped_at - 1], best_epoch=stopped_at)]
    other.write_row(replace(row, state="stopped", reports=told))
    cleaned(storage)
    kept = {step for step in store.steps(row.fit_key) if WEIGHTS not in store.thinned(step)}
    assert kept == {f"{row.fit_key}/epoch-{epoch:04d}" for epoch in (best, stopped_at)}


def test_a_population_keeps_what_others_may_go_on_from(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "scheduler": Pbt(interval=2, fraction=0.34),
        "trials": 3,
        "posthoc": (Evaluation(), Ensemble(members="top", size=2)),
        "space": long_space,
    }
    assert start(tmp_path, **changes).finished
    store, before = Store(tmp_path), outcome(tmp_path)
    found = cleaned(tmp_path)
    assert found.thinnings
    for row in Ledger(tmp_path, "tiny").rows():
        for step in store.steps(row.fit_key)[:-1]:
            if int(step[-4:]) % 2 == 0:
                assert not store.thinned(step)
    assert start(tmp_path, **changes).finished
    assert outcome(tmp_path) == before
    assert audit(store, Ledger(tmp_path, "tiny"), None, contents=True).ok


def long_space(trial: Any) -> Any:
    return replace(SWEEP.space(trial), schedule=Schedule(epochs=5, batch_size=16))


def test_only_so_much_goes_as_is_asked_for(storage: Path) -> None:
    ledger = Ledger(storage, "tiny")
    with ledger.lock:
        everything = find_cleaning(storage, [ledger])
        wanted = (everything.before - everything.freed / 2) / 1e9
        half = find_cleaning(storage, [ledger], keep_gb=wanted)
        assert half.after <= wanted * 1e9
        assert 0 < half.freed < everything.freed
        assert find_cleaning(storage, [ledger], keep_gb=everything.before / 1e9).freed == 0


def test_files_of_a_dead_writer_go_and_those_of_a_living_one_stay(storage: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = ledger.rows()[0]
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folders = []
    for number, pid in enumerate((dead.pid, os.getpid())):
        attempt = store.begin(f"{row.fit_key}/epoch-{90 + number:04d}")
        (attempt.folder / WEIGHTS).write_bytes(b"x" * 1000)
        note = {"started_at": attempt.started_at, "host": socket.gethostname(), "pid": pid}
        (attempt.folder / "started.json").write_text(json.dumps(note))
        folders.append(attempt.folder)
    found = cleaned(storage)
    assert [(stray.key, stray.bytes) for stray in found.strays] == [(f"{row.fit_key}/epoch-0090", 1000)]
    assert [path.name for path in folders[0].iterdir()] == ["started.json"]
    assert (folders[1] / WEIGHTS).is_file()


def test_what_no_sweep_names_is_listed_and_goes_only_when_asked(storage: Path) -> None:
    store = Store(storage)
    attempt = store.begin("network-0123456789abcdef")
    (attempt.folder / WEIGHTS).write_bytes(b"x" * 1000)
    attempt.commit({})
    before = set(store.all_keys())
    assert set(cleaned(storage).unnamed) == {"network-0123456789abcdef"}
    assert set(store.all_keys()) == before
    cleaned(storage, remove_unnamed=True)
    assert before - set(store.all_keys()) == {"network-0123456789abcdef"}
