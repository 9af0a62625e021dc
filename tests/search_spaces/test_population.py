from dataclasses import replace

import optuna
import pytest
from optuna.distributions import distribution_to_json

from search_spaces.population import explore, keeps_weights, replacements
from search_spaces.schedulers import Pbt
from search_spaces.settings import with_scheduler, with_searcher
from tests.orchestrator.sweep.tiny import SWEEP
from trainables.spec import CrossEntropy, Focal, Optimizer, Schedule, SmallCNN, Synthetic, TrialSpec


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    width = trial.suggest_int("width", 4, 64, log=True)
    focal = trial.suggest_categorical("loss", ["cross_entropy", "focal"]) == "focal"
    loss = Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3.0)) if focal else CrossEntropy()
    return TrialSpec(
        data=Synthetic(),
        model=SmallCNN(widths=(width,), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
        loss=loss,
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)),
        schedule=Schedule(batch_size=trial.suggest_int("batch_size", 16, 64, step=16)),
    )


PARAMS = {"width": 8, "loss": "focal", "loss/gamma": 1.0, "dropout": 0.2, "learning_rate": 1e-2, "batch_size": 32}


def explored(params: dict[str, object], spec: Pbt, loser: int = 0) -> dict[str, object]:
    fixed = optuna.trial.FixedTrial(params)
    donor = space(fixed)
    ranges = {name: distribution_to_json(each) for name, each in fixed.distributions.items()}
    found, changed = explore(space, donor, params, ranges, spec=spec, seed=0, epoch=2, loser=loser)
    assert found == space(optuna.trial.FixedTrial(changed))
    assert keeps_weights(donor, found)
    return changed


def test_the_worst_share_and_the_failed_give_way_to_the_best_share() -> None:
    values = {number: float(number) for number in range(8)} | {3: None}
    pairs = dict(replacements(values, Pbt(fraction=0.25), seed=0, epoch=2))
    assert set(pairs) == {7, 3}
    assert set(pairs.values()) <= {0, 1}
    assert replacements(values, Pbt(fraction=0.25), seed=0, epoch=2) == sorted(pairs.items())
    assert replacements({0: None, 1: None}, Pbt(), seed=0, epoch=2) == []
    assert replacements({0: 1.0}, Pbt(), seed=0, epoch=2) == []
    assert replacements({0: 1.0, 1: None, 2: None}, Pbt(), seed=0, epoch=2) == [(1, 0), (2, 0)]


def test_numbers_are_perturbed_and_what_needs_other_weights_is_inherited() -> None:
    for loser in range(20):
        changed = explored(PARAMS, Pbt(resample=0.0, factor=1.5), loser)
        assert (changed["width"], changed["loss"]) == (8, "focal")
        for name in ("loss/gamma", "dropout", "learning_rate"):
            ratio = changed[name] / PARAMS[name]  # type: ignore[operator]
            assert ratio == pytest.approx(1.5) or ratio == pytest.approx(1 / 1.5)
        assert changed["batch_size"] in (16, 32, 48)


def test_redrawn_numbers_stay_in_their_ranges() -> None:
    drawn = [explored(PARAMS, Pbt(resample=1.0), loser) for loser in range(60)]
    assert all(1e-4 <= each["learning_rate"] <= 1e-1 for each in drawn)  # type: ignore[operator]
    assert min(each["learning_rate"] for each in drawn) < 1e-3  # type: ignore[type-var, operator]
    assert {each["batch_size"] for each in drawn} == {16, 32, 48, 64}
    edge = explored({**PARAMS, "dropout": 0.5, "learning_rate": 1e-1}, Pbt(resample=0.0, factor=4.0))
    assert edge["dropout"] <= 0.5  # type: ignore[operator]


def test_weights_go_on_under_other_numbers_only() -> None:
    one = space(optuna.trial.FixedTrial(PARAMS))
    assert keeps_weights(one, replace(one, optimizer=Optimizer(learning_rate=0.5, weight_decay=0.0)))
    assert keeps_weights(one, replace(one, loss=Focal(gamma=3.0), model=SmallCNN(widths=(8,), dropout=0.0)))
    for other in (
        replace(one, optimizer=Optimizer(kind="sgd")),
        replace(one, loss=CrossEntropy()),
        replace(one, model=SmallCNN(widths=(16,))),
        replace(one, schedule=Schedule(epochs=3)),
        replace(one, seed=1),
        replace(one, data=Synthetic(images=64)),
    ):
        assert not keeps_weights(one, other)


def test_no_searcher_goes_with_a_population() -> None:
    sweep = with_scheduler(replace(SWEEP, searcher="nsga2"), {"scheduler": "pbt", "scheduler/factor": "1.5"})
    assert (sweep.scheduler, sweep.searcher, sweep.member_seeds) == (Pbt(factor=1.5), "random", 0)
    with pytest.raises(ValueError, match="--set searcher=tpe: the scheduler is pbt, which draws its population"):
        with_searcher(sweep, "tpe")
    with pytest.raises(ValueError, match="the searcher is 'gp'"):
        replace(sweep, searcher="gp")
    with pytest.raises(ValueError, match="at least 2 members"):
        replace(sweep, trials=1)


@pytest.mark.parametrize(("name", "value"), [("fraction", 0.7), ("factor", 1.0), ("resample", 1.5), ("interval", 0)])
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"scheduler/{name} of pbt is"):
        Pbt(**{name: value})  # type: ignore[arg-type]
