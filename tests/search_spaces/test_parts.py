import optuna

from search_spaces.parts import frozen_head
from trainables.spec import FrozenHead


def test_depth_width_pooling_and_dropout_of_a_frozen_head_are_drawn() -> None:
    fixed = {"head/depth": 2, "head/units": 128, "head/pooling": "average", "dropout": 0.25}
    wanted = FrozenHead(backbone="densenet201", pooling="average", units=(128, 128), dropout=0.25)
    assert frozen_head(optuna.trial.FixedTrial(fixed), backbone="densenet201") == wanted


def test_a_head_without_dense_layers_draws_no_width() -> None:
    fixed = {"head/depth": 0, "head/pooling": "none", "dropout": 0.0}
    trial = optuna.trial.FixedTrial(fixed)
    assert frozen_head(trial).units == ()
    assert set(trial.params) == set(fixed)
