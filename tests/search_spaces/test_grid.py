import itertools

import pytest

from search_spaces.grid import points
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.study import Study
from trainables.spec import ClassDistinct, CrossEntropy, Focal, SmallCNN, Synthetic, TrialSpec


def space(trial):
    loss = trial.suggest_categorical("loss", ["cross_entropy", "focal", "class_distinct"])
    dropout = trial.suggest_float("dropout", 0.0, 0.3, step=0.1)
    if loss == "focal":
        chosen = Focal(gamma=trial.suggest_categorical("loss/gamma", [1.0, 2.0]))
    elif loss == "class_distinct":
        chosen = ClassDistinct(lambda_cd=float(trial.suggest_int("loss/lambda_cd", 1, 5, step=2)))
    else:
        chosen = CrossEntropy()
    return TrialSpec(data=Synthetic(), model=SmallCNN(dropout=round(dropout, 2)), loss=chosen)


def test_a_grid_is_the_product_of_its_branches():
    expected = [
        *({"loss": "cross_entropy", "dropout": d} for d in (0.0, 0.1, 0.2, 0.3)),
        *(
            {"loss": "focal", "dropout": d, "loss/gamma": g}
            for d, g in itertools.product((0.0, 0.1, 0.2, 0.3), (1.0, 2.0))
        ),
        *(
            {"loss": "class_distinct", "dropout": d, "loss/lambda_cd": n}
            for d, n in itertools.product((0.0, 0.1, 0.2, 0.3), (1, 3, 5))
        ),
    ]
    found = points(space)
    assert len(found) == len(expected) == 24
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert one["dropout"] == pytest.approx(other["dropout"])
        assert {name: one[name] for name in one if name != "dropout"} == {n: other[n] for n in other if n != "dropout"}


def test_a_study_draws_every_point_once_and_a_resumed_one_goes_on():
    def study():
        return Study(space, (Objective(metric="val/nll", mode="min"),), searcher="grid", seed=3, overrides=Overrides())

    whole = study()
    drawn = [whole.draw() for _ in range(24)]
    assert len({str(draw.spec) for draw in drawn}) == 24
    assert [draw.params for draw in drawn] == points(space)
    with pytest.raises(ValueError, match="The grid has 24 points"):
        whole.draw()


def test_fixed_parameters_are_no_dimension():
    overrides = Overrides(params={"loss": "focal", "dropout": 0.1})
    assert points(lambda trial: overrides.draw(space, trial)) == [{"loss/gamma": 1.0}, {"loss/gamma": 2.0}]


def test_a_parameter_without_end_is_refused():
    with pytest.raises(ValueError, match="'rate' is a float without a step"):
        points(lambda trial: trial.suggest_float("rate", 1e-4, 1e-2, log=True))
    with pytest.raises(ValueError, match="more than 10,000 points"):
        points(lambda trial: [trial.suggest_int(f"n{n}", 0, 99) for n in range(4)])


def test_a_space_without_parameters_is_one_point():
    assert points(lambda trial: None) == [{}]
