"""A study rebuilt from rows in the middle of a search, with a trial that is running, draws what the unbroken one draws."""

from dataclasses import asdict
from typing import Any

import optuna
import pytest

from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.samplers import NSGA_POPULATION
from search_spaces.study import Draw, PastTrial, Study
from trainables.spec import CrossEntropy, Focal, Optimizer, SmallCNN, Synthetic, TrialSpec, to_plain

ONE = (Objective(metric="val/nll", mode="min"),)
TWO = (Objective(metric="val/accuracy", mode="max"), Objective(metric="val/ece", mode="min"))


def conditional(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A parameter behind an `if`, and two that every trial has."""
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    focal = trial.suggest_categorical("loss", ["cross_entropy", "focal"]) == "focal"
    loss = Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3)) if focal else CrossEntropy()
    model = SmallCNN(dropout=dropout)
    return TrialSpec(data=Synthetic(), model=model, loss=loss, optimizer=Optimizer(learning_rate=rate))


def finite(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Twelve points."""
    rate = trial.suggest_categorical("learning_rate", [1e-3, 1e-2, 1e-1])
    dropout = trial.suggest_float("dropout", 0.0, 0.3, step=0.1)
    return TrialSpec(data=Synthetic(), model=SmallCNN(dropout=dropout), optimizer=Optimizer(learning_rate=rate))


class Search:
    """Draws with some trials in flight, and keeps rows as the ledger does."""

    def __init__(self, searcher: str, objectives: tuple[Objective, ...], rows: list[dict[str, Any]]) -> None:
        space = finite if searcher == "grid" else conditional
        self.rows = rows
        self.objectives = objectives
        past = [PastTrial(**row) for row in rows]
        self.study = Study(space, objectives, searcher=searcher, seed=3, overrides=Overrides(), past=past)

    def draw(self) -> Draw:
        drawn = self.study.draw()
        row = {**asdict(drawn), "spec": to_plain(drawn.spec), "state": "running", "values": (), "epochs": 0}
        self.rows.append(row)
        return drawn

    def end(self, number: int) -> None:
        row = self.rows[number]
        rate, dropout = row["params"]["learning_rate"], row["params"]["dropout"]
        values = (abs(rate - 0.01) + dropout, rate * dropout)[: len(self.objectives)]
        state = ("completed", "completed", "stopped", "failed")[number % 4] if number > 2 else "completed"
        row.update(state=state, values=values if state != "failed" else (), epochs=3)
        self.study.tell(number, state, row["values"], epochs=3)


def searched(search: Search, draws: int, kills: set[int]) -> list[Draw]:
    """So many draws, two trials in flight; at a kill everything but the rows is lost."""
    found = []
    for number in range(draws):
        if number in kills:
            search = Search(search.study._searcher, search.objectives, search.rows)
        found.append(search.draw())
        if number:
            search.end(number - 1)
    return found


@pytest.mark.parametrize(
    ("searcher", "objectives", "draws"),
    [
        ("random", ONE, 12),
        ("grid", ONE, 12),
        ("tpe", ONE, 24),
        ("tpe", TWO, 24),
        ("gp", ONE, 12),
        ("gp", TWO, 10),
        ("qmc", ONE, 16),
        ("nsga2", TWO, 5 * NSGA_POPULATION),
    ],
)
def test_kills_do_not_change_a_draw(searcher: str, objectives: tuple[Objective, ...], draws: int) -> None:
    unbroken = searched(Search(searcher, objectives, []), draws, kills=set())
    killed = searched(
        Search(searcher, objectives, []), draws, kills={1, 2, draws // 3, draws // 2, draws - 3, draws - 1}
    )
    assert killed == unbroken


def test_nsga2_breeds_after_its_first_generation_also_when_it_was_rebuilt() -> None:
    rows: list[dict[str, Any]] = []
    searched(Search("nsga2", TWO, rows), 3 * NSGA_POPULATION, kills={2 * NSGA_POPULATION})
    generations = [row["notes"]["trial"]["NSGAIISampler:generation"] for row in rows]
    assert generations == sorted(generations)
    assert generations[-1] >= 1


def test_gp_searches_where_it_is_better() -> None:
    rows: list[dict[str, Any]] = []
    searched(Search("gp", ONE, rows), 20, kills=set())
    first = sum(row["params"]["dropout"] for row in rows[:5]) / 5
    last = sum(row["params"]["dropout"] for row in rows[-5:]) / 5
    assert last < first


def test_a_grid_that_is_widened_draws_its_new_points_only() -> None:
    search = Search("grid", ONE, [])
    searched(search, 12, kills=set())

    def wider(trial: optuna.trial.BaseTrial) -> TrialSpec:
        rate = trial.suggest_categorical("learning_rate", [1e-3, 3e-3, 1e-2, 1e-1])
        dropout = trial.suggest_float("dropout", 0.0, 0.3, step=0.1)
        return TrialSpec(data=Synthetic(), model=SmallCNN(dropout=dropout), optimizer=Optimizer(learning_rate=rate))

    past = [PastTrial(**row) for row in search.rows]
    study = Study(wider, ONE, searcher="grid", seed=3, overrides=Overrides(), past=past, widen=True)
    assert {study.draw().params["learning_rate"] for _ in range(4)} == {3e-3}
    with pytest.raises(ValueError, match="16 points"):
        study.draw()
