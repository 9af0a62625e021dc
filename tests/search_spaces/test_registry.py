from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch

from search_spaces.grid import points
from search_spaces.objective import Objective
from search_spaces.overrides import probe
from search_spaces.registry import SPACES, load_sweep
from search_spaces.sweep import Asha, Sweep
from trainables.losses import build_loss_for
from trainables.models import build_model
from trainables.spec import Chexpert, TrialSpec, from_plain, to_plain

OWN = """
from search_spaces.demo import space
"""


def drawn(name: str) -> list[TrialSpec]:
    """200 draws of a space, or its whole grid."""
    sweep = load_sweep(name)
    if sweep.searcher == "grid":
        study = optuna.create_study()
        for point in points(lambda trial: sweep.space(trial)):
            study.enqueue_trial(point)
    else:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    count = len(study.get_trials(deepcopy=False)) or 200
    return [sweep.space(study.ask()) for _ in range(count)]


@pytest.mark.parametrize("name", SPACES)
def test_every_network_and_loss_of_a_named_space_can_be_built(name: str) -> None:
    specs = drawn(name)
    assert load_sweep(name).description == SPACES[name]
    for model, size in {(replace(spec.model, dropout=0.25), spec.data.size or 28) for spec in specs}:
        classifier = build_model(model, classes=5, seed=0, size=size)
        assert classifier.head.out_features == 5 * classifier.members
    labels = torch.tensor([[0.0, 1.0], [1.0, 0.0], [torch.nan, 1.0]])
    targets = labels if isinstance(specs[0].data, Chexpert) else torch.tensor([0, 1, 1])
    for loss in {spec.loss for spec in specs}:
        assert build_loss_for(loss, targets, 2) is not None
    for spec in specs:
        assert from_plain(type(spec), to_plain(spec)) == spec


def test_the_demo_searches_backbone_loss_dropout_and_learning_rate() -> None:
    params, specs = probe(load_sweep("demo").space)
    assert set(params) == {"backbone", "loss", "loss/gamma", "loss/lambda_cd", "dropout", "learning_rate"}
    assert {spec.loss.kind for spec in specs} == {"cross_entropy", "weighted_cross_entropy", "focal", "class_distinct"}


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="Did you mean 'demo'"):
        load_sweep("demmo")


def test_a_file_with_a_space_is_a_sweep_named_after_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my_space.py"
    path.write_text(OWN)
    assert load_sweep(str(path)).name == "my_space"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def space(trial:\n", r"bad\.py, line 1"),
        ("\nraise KeyError('x')\n", r"bad\.py, line 2: KeyError"),
        ("sweep = 3\n", "its 'sweep' is int"),
        ("x = 1\n", "it defines neither"),
    ],
)
def test_a_file_that_is_no_sweep_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_sweep(str(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no file"):
        load_sweep(str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("val/acuracy", "Did you mean 'val/accuracy'"),
        ("test/nll", "Search on 'val/nll'"),
        ("temperature/test/nll", "Search on 'temperature/val/nll'"),
        ("laplace_kron/val/nll", "the scheduler cannot stop"),
    ],
)
def test_an_objective_that_cannot_be_searched_on_is_refused(metric: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sweep(
            name="x",
            space=load_sweep("demo").space,
            objectives=(Objective(metric=metric, mode="min"),),
            scheduler=Asha(),
        )


def test_a_late_objective_is_fine_without_a_scheduler() -> None:
    objective = Objective(metric="laplace_kron/val/nll", mode="min")
    assert Sweep(name="x", space=load_sweep("demo").space, objectives=(objective,)).objectives == (objective,)
