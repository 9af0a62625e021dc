import optuna
import pytest

from search_spaces.objective import Objective
from search_spaces.overrides import Overrides, parse_overrides
from search_spaces.study import Draw, PastTrial, SpaceChanged, Study
from trainables.spec import CrossEntropy, Focal, Optimizer, SmallCNN, Synthetic, TrialSpec, to_plain

NLL = Objective(metric="val/nll", mode="min")


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    focal = trial.suggest_categorical("loss", ["cross_entropy", "focal"]) == "focal"
    loss = Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3)) if focal else CrossEntropy()
    return TrialSpec(data=Synthetic(), model=SmallCNN(), loss=loss, optimizer=Optimizer(learning_rate=rate))


def study(past: list[PastTrial] | None = None, seed: int = 0, searcher: str = "tpe", **changes: object) -> Study:
    options = {"space": space, "objectives": (NLL,), "searcher": searcher, "seed": seed, "overrides": Overrides()}
    return Study(**{**options, **changes}, past=past or [])  # type: ignore[arg-type]


def past(draw: Draw, state: str, *values: float) -> PastTrial:
    return PastTrial(
        number=draw.number,
        params=draw.params,
        distributions=draw.distributions,
        spec=to_plain(draw.spec),
        state=state,
        values=values,
        epochs=3,
    )


def value(draw: Draw) -> float:
    return abs(draw.params["learning_rate"] - 0.01) + (0.1 if draw.params["loss"] == "focal" else 0.0)


@pytest.mark.parametrize("searcher", ["tpe", "random"])
def test_a_study_rebuilt_after_any_trial_draws_what_the_unbroken_one_draws(searcher: str) -> None:
    unbroken = study(searcher=searcher)
    draws = []
    for _ in range(12):
        draw = unbroken.draw()
        draws.append(draw)
        unbroken.tell(draw.number, "completed", [value(draw)], epochs=3)
    for kept in (0, 1, 7, 11):
        again = study([past(draw, "completed", value(draw)) for draw in draws[:kept]], searcher=searcher)
        assert again.draw() == draws[kept]


def test_an_unfinished_trial_goes_on_under_its_number_and_can_be_told() -> None:
    first = study().draw()
    again = study([past(first, "running")])
    again.tell(0, "completed", [0.5], epochs=3)
    assert again.draw().number == 1


def test_stopped_and_failed_trials_keep_their_numbers() -> None:
    one = study()
    draws = [one.draw() for _ in range(3)]
    rebuilt = study([past(draws[0], "stopped", 0.7), past(draws[1], "failed"), past(draws[2], "completed", 0.1)])
    assert rebuilt.draw().number == 3


def test_draws_of_other_seeds_differ_and_no_draw_is_repeated() -> None:
    one, other = study(seed=0), study(seed=1)
    rates = [each.draw().params["learning_rate"] for each in (one, one, one, other)]
    assert len(set(rates)) == 4


def test_a_trial_without_a_finite_value_is_told_as_failed() -> None:
    one = study()
    one.tell(one.draw().number, "completed", [float("nan")], epochs=3)
    one.tell(one.draw().number, "completed", [], epochs=3)
    states = [trial.state for trial in one._study.get_trials()]
    assert states == [optuna.trial.TrialState.FAIL] * 2


def test_two_objectives_take_completed_and_stopped_trials() -> None:
    objectives = (Objective(metric="val/accuracy", mode="max"), Objective(metric="val/ece", mode="min"))
    one = study(objectives=objectives, searcher="nsga2")
    draws = [one.draw() for _ in range(2)]
    one.tell(0, "completed", [0.9, 0.1], epochs=3)
    one.tell(1, "stopped", [0.5, 0.2], epochs=1)
    rebuilt = study([past(draws[0], "completed", 0.9, 0.1), past(draws[1], "stopped", 0.5, 0.2)], objectives=objectives)
    assert rebuilt.draw().number == 2


def test_a_changed_space_is_refused_with_the_difference() -> None:
    first = study().draw()

    def other(trial: optuna.trial.BaseTrial) -> TrialSpec:
        spec = space(trial)
        return TrialSpec(data=Synthetic(images=64), model=spec.model, loss=spec.loss, optimizer=spec.optimizer)

    with pytest.raises(SpaceChanged, match=r"data: .*--name"):
        study([past(first, "completed", 0.1)], space=other)


def test_a_fixed_parameter_is_not_drawn_and_a_fixed_field_is_put_into_the_trial() -> None:
    overrides = parse_overrides(space, {"loss": "focal", "schedule/epochs": "3", "loss/gamma": "1"})
    draw = study(overrides=overrides).draw()
    assert draw.spec.loss == Focal(gamma=1.0)
    assert draw.spec.schedule.epochs == 3
    assert set(draw.params) == {"learning_rate"}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("los", "focal", "'loss'"),
        ("schedule/epoch", "3", "'schedule/epochs'"),
        ("loss", "hinge", "cross_entropy, focal"),
        ("learning_rate", "fast", "wants a number"),
        ("schedule/epochs", "0", "at least 1"),
        ("schedule/epochs", "many", "a whole number"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_with_the_way_out(key: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_overrides(space, {key: text})


def test_a_space_that_returns_something_else_is_told_so() -> None:
    with pytest.raises(ValueError, match="returned dict, and must return a TrialSpec"):
        study(space=lambda trial: {}).draw()
