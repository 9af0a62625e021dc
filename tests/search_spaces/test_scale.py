"""The papers' sweeps in small sizes, and what they have otherwise than the papers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from orchestrator.sweep.request import build_launch
from search_spaces.grid import points
from search_spaces.overrides import Overrides
from search_spaces.registry import SPACES, load_sweep
from search_spaces.scale import differences, in_small
from trainables.spec import PixelBaseline, Synthetic

PAPERS = [name for name in SPACES if name[0] == "p" and name[1].isdigit()]


def test_every_paper_has_small_sizes() -> None:
    assert len(PAPERS) == 10
    assert all(load_sweep(name).small is not None for name in PAPERS)


@pytest.mark.parametrize("name", PAPERS)
def test_the_small_sweep_has_the_same_points_on_its_own_data_or_on_embedded_images(name: str) -> None:
    paper = load_sweep(name)
    for embedded in (False, True):
        small = in_small(paper, embedded=embedded)
        shared = [point for point in points(paper.space) if point in points(small.space)]
        assert shared == points(small.space)
        for point in shared:
            before, now = (sweep.space(optuna.trial.FixedTrial(point)) for sweep in (paper, small))
            assert isinstance(now.data, Synthetic) == embedded
            assert type(now.model) is type(before.model)
            assert type(now.loss) is type(before.loss)
            assert now.data.size < before.data.size
            assert (now.first_stage is None) == (before.first_stage is None)


@pytest.mark.parametrize("name", PAPERS)
def test_a_small_sweep_has_a_task_of_every_kind_that_the_paper_s_has(name: str) -> None:
    paper = load_sweep(name)
    small = in_small(paper, embedded=True)
    assert {task.kind for task in small.posthoc} == {task.kind for task in paper.posthoc}


def test_the_paper_s_own_sweep_differs_in_nothing() -> None:
    for name in PAPERS:
        paper = load_sweep(name)
        assert differences(paper, paper, Overrides()) == []


def test_differences_name_setting_and_both_values() -> None:
    paper = load_sweep("p3_covid_aopc")
    told = {
        each.setting: (each.paper, each.here)
        for each in differences(paper, in_small(paper, embedded=True), Overrides())
    }
    assert told["data"] == ("CovidRadiography", "embedded radiographs")
    assert told["schedule/epochs"] == ("20", "5")
    assert told["aopc/images"] == ("540", "16")
    assert not any(name.startswith("data/") for name in told)


def test_a_user_s_own_setting_is_a_difference_too() -> None:
    paper = load_sweep("p0_mura_laplace")
    told = differences(paper, paper, Overrides(fields={"schedule/epochs": 3}))
    assert [(each.setting, each.paper, each.here) for each in told] == [("schedule/epochs", "20", "3")]


def test_tasks_that_are_left_out_or_added_are_told() -> None:
    paper = load_sweep("p1_mura_ensembles")
    here = replace(paper, posthoc=(*paper.posthoc[1:], PixelBaseline()), trials=7)
    told = {each.setting: (each.paper, each.here) for each in differences(paper, here, Overrides())}
    assert told == {"evaluation": ("computed", "left out"), "linear_on_pixels": ("-", "added"), "trials": ("30", "7")}


def test_a_task_of_another_name_is_told_by_its_settings() -> None:
    paper = load_sweep("p1_mura_ensembles")
    told = {each.setting: each.here for each in differences(paper, in_small(paper, embedded=True), Overrides())}
    assert told["ensemble_top_15_p1_small/size"] == "3"
    assert told["trials"] == "6"


def test_a_sweep_that_is_no_paper_s_has_no_small_sizes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--scale small: demo has no small sizes.*--set schedule/epochs=2"):
        build_launch("demo", storage=tmp_path, scale="small")


def test_a_user_s_set_goes_over_the_small_sizes(tmp_path: Path) -> None:
    launch = build_launch("p4_imageclef_attentive", storage=tmp_path, scale="small", settings=["schedule/epochs=2"])
    assert launch.study().draw().spec.schedule.epochs == 2
    assert {each.setting: each.here for each in launch.differences}["schedule/epochs"] == "2"
    assert launch.request["scale"] == "small"
