"""`--set row=a,b`: some of a parameter's choices are left to be drawn from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.launch import run_sweep
from orchestrator.sweep.request import build_launch
from search_spaces.grid import points
from search_spaces.overrides import parse_overrides
from search_spaces.registry import load_sweep


def test_a_grid_has_the_points_of_the_named_choices_in_the_space_s_order() -> None:
    space = load_sweep("p3_covid_open").space
    overrides = parse_overrides(space, {"row": "deep_head, paper,wide_head"})
    found = points(lambda trial: overrides.draw(space, trial))
    assert [each["row"] for each in found] == ["paper", "wide_head", "deep_head"]
    assert json.loads(json.dumps(overrides.to_plain())) == {"row": ["paper", "wide_head", "deep_head"]}


def test_an_unknown_one_among_several_is_named_with_the_nearest() -> None:
    space = load_sweep("p3_covid_open").space
    with pytest.raises(ValueError, match=r"--set row: the space offers paper, linear_head.*'wide_head'"):
        parse_overrides(space, {"row": "paper,wid_head"})


def test_a_sweep_of_some_choices_goes_on_as_the_same_sweep(tmp_path: Path) -> None:
    quick = ["data/images=64", "data/size=32", "schedule/epochs=1", "row=shallow,deeper", "member_seeds=0"]
    launch = build_launch("p4_imageclef_attentive", storage=tmp_path, scale="small", settings=quick, trials=1)
    none = replace(launch, sweep=replace(launch.sweep, posthoc=()))
    for _ in range(2):
        ended = run_sweep(none, InlineExecutor())
        assert ended.finished
    (row,) = Ledger(tmp_path, "p4_imageclef_attentive").rows()
    assert row.params == {"row": "shallow"}
