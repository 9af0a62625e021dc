from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.counts import generations_of, trial_counts
from orchestrator.executors.inline import InlineExecutor
from orchestrator.progress_json import ProgressJson
from orchestrator.status import sweep_status
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.launch import run_sweep
from search_spaces.schedulers import Pbt
from tests.orchestrator.sweep.tiny import Watcher, launch, start
from trainables.spec import Evaluation

POPULATION: dict[str, Any] = {"scheduler": Pbt(interval=1, fraction=0.34), "trials": 4, "posthoc": (Evaluation(),)}


def test_a_finished_sweep_wants_no_ensemble_that_has_too_few_members(tmp_path: Path) -> None:
    assert start(tmp_path, trials=2, member_seeds=0, scheduler=None).finished
    posthoc = sweep_status(Ledger(tmp_path, "tiny"))["posthoc"]
    assert posthoc["done"] == posthoc["wanted"] == 6  # two tasks on two networks, the baseline, the ensemble of trials


def test_ensembles_to_come_are_wanted_while_a_sweep_is_not_finished(tmp_path: Path) -> None:
    assert not start(tmp_path, Watcher(interrupt_at=9), trials=4, scheduler=None).finished
    before = sweep_status(Ledger(tmp_path, "tiny"))["posthoc"]
    assert before["done"] < before["wanted"]


def test_copies_of_a_population_are_not_counted_as_trials_of_their_own(tmp_path: Path) -> None:
    """Four members of three epochs: after epochs 1 and 2 one gives way, so there are six rows."""
    stream = io.StringIO()
    with ProgressJson("tiny", stream=stream, summary_seconds=0) as progress:
        assert run_sweep(launch(tmp_path, **POPULATION), InlineExecutor(), [progress]).finished
    ledger = Ledger(tmp_path, "tiny")
    assert [row.kind for row in ledger.rows()] == ["trial"] * 6
    status = sweep_status(ledger)
    assert status["trials"] == {"wanted": 4, "running": 0, "completed": 4, "stopped": 0, "failed": 0}
    assert status["population"] == {"generation": 3, "generations": 3, "copies": 2}
    said = CliRunner().invoke(cli, ["status", "tiny", "--storage", str(tmp_path)], catch_exceptions=False).output
    assert "population: 4 completed, 0 failed, 0 running, of 4 members; generation 3 of 3, 2 copies took" in said
    summaries = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "summary"]
    assert all(sum(line["trials"].values()) - 4 <= 4 for line in summaries)
    generations = [line["population"]["generation"] for line in summaries if "population" in line]
    assert generations == sorted(generations)
    assert set(generations) == {1, 2, 3}


def test_a_population_that_was_interrupted_tells_the_generation_at_hand(tmp_path: Path) -> None:
    assert not start(tmp_path, Watcher(interrupt_at=12), **POPULATION).finished
    ledger = Ledger(tmp_path, "tiny")
    status, epochs = sweep_status(ledger), max(row.reports[-1].epoch for row in ledger.rows() if row.reports)
    assert status["trials"]["running"] == status["trials"]["stopped"] == 0
    assert epochs <= status["population"]["generation"] <= epochs + 1


def test_a_sweep_that_is_no_population_tells_of_none(tmp_path: Path) -> None:
    start(tmp_path, Watcher(interrupt_at=3), scheduler=None)
    assert "population" not in sweep_status(Ledger(tmp_path, "tiny"))
    assert generations_of([], interval=2, wanted=4) is None


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ("RRRR", {"running": 4}),
        ("RRR", {"running": 3}),  # one is not drawn yet
        ("RRRSR", {"running": 4}),
        ("RRRRR", {"running": 4}),  # the copy is written, the one that gives way has not ended yet
        ("RRRFR", {"running": 4}),  # a copy has the place of the one that failed
        ("CCFC", {"completed": 3, "failed": 1}),
        ("CSFCCC", {"completed": 4}),
        ("CCSFCF", {"completed": 3, "failed": 1}),
        ("FFFF", {"failed": 4}),
    ],
)
def test_a_population_has_as_many_members_as_it_began_with(states: str, wanted: dict[str, int]) -> None:
    words = {"R": "running", "C": "completed", "S": "stopped", "F": "failed"}
    counts = trial_counts([words[each] for each in states], wanted=4, population=True)
    assert {name: count for name, count in counts.items() if count} == wanted
    alone = trial_counts([words[each] for each in states], wanted=4, population=False)
    assert sum(alone.values()) == len(states)
