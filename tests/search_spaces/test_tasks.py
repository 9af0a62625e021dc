from __future__ import annotations

import pytest

from search_spaces.sweep import Sweep
from search_spaces.tasks import parse_tasks, task_names, with_tasks
from trainables.spec import Ensemble, Laplace, SmallCNN, Split, Synthetic, Temperature, TrialSpec


def space(trial: object) -> TrialSpec:
    return TrialSpec(data=Synthetic(), split=Split(), model=SmallCNN())


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("laplace_full", Laplace(hessian_structure="full")),
        ("laplace_diag_grid_mc", Laplace(hessian_structure="diag", prior_precision="grid", predictive="mc")),
        ("laplace", Laplace()),
        ("temperature", Temperature()),
        ("ensemble_top_4", Ensemble(members="top")),
        ("ensemble:members=top:size=3", Ensemble(members="top", size=3)),
        ("laplace:hessian_structure=full:samples=50", Laplace(hessian_structure="full", samples=50)),
    ],
)
def test_a_task_is_written_by_name_or_with_settings(text: str, task: object) -> None:
    assert parse_tasks([text]) == (task,)


def test_several_tasks_stand_between_commas_or_in_several_options_and_count_once() -> None:
    found = parse_tasks(["temperature, laplace_full", "laplace_full"])
    assert found == (Temperature(), Laplace(hessian_structure="full"))


def test_every_name_gives_the_task_of_that_name() -> None:
    names = task_names()
    for name, task in names.items():
        assert parse_tasks([name]) == (task,)
        assert name in (task.name, task.kind)
    assert {"laplace_kron", "laplace_full_grid", "temperature", "evaluation", "aopc", "linear_on_pixels"} <= set(names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("laplase_full", "Did you mean 'laplace_full'"),
        ("laplace:structure=full", "unknown name 'structure'.*hessian_structure"),
        ("laplace:hessian_structure=round", "one of 'diag', 'kron', 'full'"),
        ("laplace:samples=many", "a whole number, got 'many'"),
        ("laplace:full", "wants NAME=VALUE"),
    ],
)
def test_what_is_no_task_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_tasks([text])


def test_tasks_of_one_name_and_other_settings_are_refused() -> None:
    sweep = Sweep(name="one", space=space, posthoc=(Laplace(predictive="mc"),))
    assert with_tasks(sweep, [Laplace(predictive="mc")]).posthoc == sweep.posthoc
    assert with_tasks(sweep, [Temperature()]).posthoc == (*sweep.posthoc, Temperature())
    with pytest.raises(ValueError, match="'laplace_kron_mc' with other settings"):
        with_tasks(sweep, [Laplace(predictive="mc", samples=100)])
