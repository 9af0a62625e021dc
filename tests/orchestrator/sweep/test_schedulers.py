"""Sweeps under every scheduler and searcher, killed in the middle, end with every trial once and with the same bits."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from orchestrator.storage.ledger import Ledger
from search_spaces.objective import Objective
from search_spaces.schedulers import HyperBand, MedianStopping, Scheduler
from tests.orchestrator.sweep.tiny import Killed, Watcher, outcome, repeated_epochs, space, start
from trainables.spec import Schedule, TrialSpec

TWO = (Objective(metric="val/accuracy", mode="max"), Objective(metric="val/nll", mode="min"))


def poorly_begun(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Half of the trials hardly learn, so that there is something to stop."""
    spec = space(trial)
    slow = trial.suggest_categorical("slow", [False, True])
    rate = 1e-6 if slow else spec.optimizer.learning_rate
    return replace(spec, optimizer=replace(spec.optimizer, learning_rate=rate), schedule=Schedule(epochs=4))


@pytest.mark.parametrize(
    "scheduler", [MedianStopping(min_trials=2), HyperBand(reduction_factor=2, brackets=2)], ids=["median", "hyperband"]
)
def test_a_killed_sweep_goes_on_under_its_scheduler(scheduler: Scheduler, tmp_path: Path) -> None:
    changes = {"space": poorly_begun, "scheduler": scheduler, "searcher": "random", "trials": 8, "posthoc": ()}
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    assert start(calm, **changes).finished
    for kill_at in (5, 9, 12):
        with pytest.raises(Killed):
            start(killed, Watcher(kill_at=kill_at), **changes)
    assert start(killed, **changes).finished
    assert repeated_epochs(killed) == []
    wanted, got = outcome(calm), outcome(killed)
    assert {row[1] for row in got["rows"]} == {row[1] for row in wanted["rows"]} == {"completed", "stopped"}
    assert [row[:1] + row[2:4] for row in got["rows"][:8]] == [row[:1] + row[2:4] for row in wanted["rows"][:8]]
    shared = set(got["weights"]) & set(wanted["weights"])
    assert shared
    assert {key: got["weights"][key] for key in shared} == {key: wanted["weights"][key] for key in shared}


@pytest.mark.parametrize("searcher", ["tpe", "gp", "nsga2", "qmc"])
def test_a_killed_search_goes_on_with_what_it_has_learnt(searcher: str, tmp_path: Path) -> None:
    objectives = TWO if searcher == "nsga2" else (TWO[1],)
    changes = {
        "searcher": searcher,
        "objectives": objectives,
        "scheduler": None,
        "trials": 9,
        "posthoc": (),
        "member_seeds": 0,
    }
    for kill_at in (4, 13):
        with pytest.raises(Killed):
            start(tmp_path, Watcher(kill_at=kill_at), **changes)
    assert start(tmp_path, **changes).finished
    rows = Ledger(tmp_path, "tiny").rows()
    assert [row.number for row in rows] == list(range(9))
    assert len({row.key for row in rows}) == 9
    assert {row.state for row in rows} == {"completed"}
    assert repeated_epochs(tmp_path) == []
