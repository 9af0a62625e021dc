"""A search over the second stage of a training: the first one is trained once, whatever happens."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from orchestrator.audit import audit
from orchestrator.cli.show import _lines, describe
from orchestrator.deletion import Deletion, used_keys
from orchestrator.executors.inline import InlineExecutor
from orchestrator.report import remarks
from orchestrator.report.findings import gather
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import run_sweep
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from search_spaces.sweep import Asha
from tests.orchestrator.sweep.tiny import Killed, Watcher, launch, outcome, repeated_epochs, start
from trainables.spec import (
    ClassDistinct,
    Evaluation,
    Optimizer,
    Schedule,
    SmallCNN,
    Split,
    Stage,
    Synthetic,
    Temperature,
    TrialSpec,
)


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Only lambda is searched."""
    return TrialSpec(
        data=Synthetic(images=96, size=32, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(4, 8), dropout=0.2),
        loss=ClassDistinct(lambda_cd=trial.suggest_float("loss/lambda_cd", 0.1, 2.0)),
        optimizer=Optimizer(learning_rate=1e-3),
        schedule=Schedule(epochs=2, batch_size=16),
        first_stage=Stage(optimizer=Optimizer(learning_rate=1e-2), schedule=Schedule(epochs=3, batch_size=16)),
    )


TWO_STAGES: dict[str, Any] = {
    "space": space,
    "trials": 3,
    "searcher": "random",
    "scheduler": None,
    "member_seeds": 0,
    "posthoc": (Evaluation(), Temperature()),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("two_stages")
    ended = start(storage, **TWO_STAGES)
    assert ended.finished
    assert not ended.failed_trials
    return storage


def begun_epochs(storage: Path) -> int:
    """Epochs that were begun in the first stage, by anybody."""
    store = Store(storage)
    (chain,) = {row.first_fit_key for row in Ledger(storage, "tiny").rows()}
    return sum(len(list(store.attempts(step))) for step in store.steps(chain))


def test_a_search_over_lambda_trains_the_first_stage_once(finished: Path) -> None:
    rows = Ledger(finished, "tiny").rows()
    assert len({row.key for row in rows}) == 3
    assert len({row.first_key for row in rows}) == 1
    assert begun_epochs(finished) == 3
    assert len(Store(finished).keys("network")) == 4
    assert [[report.epoch for report in row.reports] for row in rows] == [[1, 2]] * 3
    assert audit(Store(finished), Ledger(finished, "tiny"), None).ok


def test_kills_in_either_stage_change_nothing(finished: Path, tmp_path: Path) -> None:
    wanted = outcome(finished)
    watcher = Watcher()
    start(tmp_path / "watched", watcher, **TWO_STAGES)
    for kill_at in range(2, watcher.changes, 3):
        again = tmp_path / str(kill_at)
        with pytest.raises(Killed):
            start(again, Watcher(kill_at=kill_at), **TWO_STAGES)
        assert start(again, **TWO_STAGES).finished
        assert outcome(again) == wanted
        assert begun_epochs(again) == 3
        assert repeated_epochs(again) == []
        shutil.rmtree(again)


def test_a_scheduler_judges_the_second_stage_only(tmp_path: Path) -> None:
    changes = {**TWO_STAGES, "trials": 5, "scheduler": Asha(grace_epochs=1, reduction_factor=2)}
    assert start(tmp_path, stopped_too=True, **changes).finished
    rows = Ledger(tmp_path, "tiny").rows()
    stopped = [row for row in rows if row.state == "stopped"]
    assert stopped
    assert all([report.epoch for report in row.reports] == [1] for row in stopped)
    assert all(Store(tmp_path).exists(row.network) for row in stopped)
    assert begun_epochs(tmp_path) == 3


def test_members_have_a_first_stage_of_their_own(tmp_path: Path) -> None:
    assert start(tmp_path, **{**TWO_STAGES, "trials": 1, "member_seeds": 1}).finished
    trial, member = Ledger(tmp_path, "tiny").rows()
    assert trial.first_key != member.first_key
    assert all(Store(tmp_path).exists(key) for key in (*trial.trained, *member.trained))


def test_the_first_stage_goes_with_the_last_sweep_that_uses_it(finished: Path, tmp_path: Path) -> None:
    storage = tmp_path / "shared"
    shutil.copytree(finished, storage)
    other = replace(launch(storage, **TWO_STAGES | {"seed": 5}), name="other")
    assert run_sweep(other, InlineExecutor()).finished
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = ledger.rows()[0]
    first = {row.first_key, row.first_fit_key}
    assert first <= used_keys(store, ledger)
    assert begun_epochs(storage) == 3
    assert first.isdisjoint(Deletion(storage, ledger).keys)
    shutil.rmtree(Ledger(storage, "other").folder)
    assert first <= set(Deletion(storage, ledger).keys)
    assert all(Deletion(storage, ledger).keys)


def test_a_first_stage_that_was_trained_twice_is_found(finished: Path, tmp_path: Path) -> None:
    storage = tmp_path / "twice"
    shutil.copytree(finished, storage)
    store, ledger = Store(storage), Ledger(storage, "tiny")
    row = ledger.rows()[0]
    step = store.steps(row.first_fit_key)[1]
    for key in (step, row.first_key):
        store.begin(key)
    found = audit(store, ledger, None)
    assert found.repeated_epochs == (step,)
    assert found.trained_twice == (row.first_key,)


def test_the_runs_carry_the_epochs_of_both_stages_under_their_own_names(finished: Path) -> None:
    store, ledger = Store(finished), Ledger(finished, "tiny")
    tracker = MemoryTracker(sweep_identity(ledger.definition()), MemoryServer())
    updates = {update.key: update for update in Mirror(lambda: tracker, store, ledger).updates()}
    row = ledger.rows()[0]
    run = updates[row.key]
    assert run.tags["orchestrator.first_stage"] == row.first_key
    steps = {
        name: [point.step for point in run.metrics if point.name == name] for name in ("val/nll", "first_stage/val/nll")
    }
    assert steps == {"val/nll": [1, 2], "first_stage/val/nll": [1, 2, 3]}


def test_show_tells_the_epochs_of_both_stages(finished: Path) -> None:
    row = Ledger(finished, "tiny").rows()[0]
    text = "\n".join(_lines(describe(finished, "trial-0000")))
    assert f"first stage  {row.first_key}" in text
    assert text.count("  epoch ") == 5
    assert row.first_key in "\n".join(_lines(describe(finished, row.first_key)))


def test_an_override_reaches_into_the_first_stage(tmp_path: Path) -> None:
    from search_spaces.overrides import parse_overrides

    overrides = parse_overrides(space, {"first_stage/schedule/epochs": "1"})
    spec = overrides.draw(space, optuna.trial.FixedTrial({"loss/lambda_cd": 0.5}))
    assert spec.first_stage is not None
    assert (spec.first_stage.schedule.epochs, spec.schedule.epochs) == (1, 2)


def test_the_report_says_whose_epochs_it_shows(finished: Path) -> None:
    told = remarks.remarks_of(gather(Store(finished), Ledger(finished, "tiny")))
    assert [each.about for each in told if each.text == remarks.TWO_STAGES] == ["trial-0000, trial-0001, trial-0002"]
