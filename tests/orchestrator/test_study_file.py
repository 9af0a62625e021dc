from pathlib import Path

import optuna
import pytest
from optuna.distributions import json_to_distribution

from orchestrator import api
from orchestrator.storage.ledger import Ledger
from orchestrator.study_file import write_study
from orchestrator.sweep.records import objective_values
from search_spaces.objective import Objective
from search_spaces.schedulers import Pbt
from tests.orchestrator.cli.program import orchestrator, refusal
from tests.orchestrator.sweep.tiny import SWEEP, Killed, Watcher, start

STATES = {"completed": "COMPLETE", "stopped": "PRUNED", "running": "RUNNING", "failed": "FAIL"}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with trials in several states."""
    storage = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        start(storage, Watcher(kill_at=12), posthoc=(), member_seeds=0)
    return storage


def loaded(path: Path) -> optuna.Study:
    place = (
        f"sqlite:///{path}"
        if path.suffix == ".db"
        else optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    )
    return optuna.load_study(study_name="tiny", storage=place)


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_optuna_reads_what_the_ledger_says(killed: Path, tmp_path: Path, name: str) -> None:
    rows = [row for row in Ledger(killed, "tiny").rows() if row.kind == "trial"]
    said = orchestrator("study", "tiny", "--storage", killed, "--out", tmp_path / name)
    assert said.code == 0, said
    assert f"{len(rows)} trials" in said.out
    study = loaded(tmp_path / name)
    assert study.metric_names == ["val/nll"]
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert len({row.state for row in rows}) > 1
    for row, trial in zip(rows, study.trials, strict=True):
        assert (trial.number, trial.state.name) == (row.number, STATES[row.state])
        assert trial.params == row.params
        assert trial.distributions == {each: json_to_distribution(text) for each, text in row.distributions.items()}
        assert trial.intermediate_values == {each.epoch: each.metrics["val/nll"] for each in row.reports}
        assert (trial.user_attrs["name"], trial.user_attrs["network"]) == (row.name, row.key)
        if row.state == "completed":
            assert trial.values == objective_values(row, SWEEP.objectives)
            assert trial.datetime_complete is not None


def test_several_objectives_and_a_population_are_written_too(tmp_path: Path) -> None:
    objectives = (Objective(metric="val/accuracy", mode="max"), Objective(metric="val/nll", mode="min"))
    assert start(tmp_path, scheduler=Pbt(interval=1), objectives=objectives, trials=2, posthoc=()).finished
    assert write_study(Ledger(tmp_path, "tiny"), tmp_path / "study.log") == 4
    study = loaded(tmp_path / "study.log")
    assert len(study.best_trials) >= 1
    assert [trial.state.name for trial in study.trials].count("COMPLETE") == 2
    assert "goes on from" in study.trials[3].user_attrs


def test_a_file_that_is_there_or_has_another_ending_is_refused(killed: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    there.write_text("mine")
    assert "is there already" in refusal("study", "tiny", "--storage", killed, "--out", there)
    assert there.read_text() == "mine"
    assert "the ending says the format" in refusal("study", "tiny", "--storage", killed, "--out", tmp_path / "a.json")
    with pytest.raises(ValueError, match="there is no folder"):
        api.export_study("tiny", tmp_path / "no" / "a.db", storage=killed)
