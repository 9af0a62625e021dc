"""Sweeps side by side: differences are paired on the same images, and chance is told from more than chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.report.findings import Findings, gather
from orchestrator.report.versus import Versus, compare
from orchestrator.report.versus_forms import comparison_json, comparison_markdown, comparison_page
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Launch, run_sweep
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from tests.orchestrator.cli.program import orchestrator, refusal
from trainables.metrics.bootstrap import Interval, paired_intervals
from trainables.spec import Evaluation, Optimizer, Schedule, SmallCNN, Synthetic, Temperature, TrialSpec


def spec(epochs: int, seed: int = 0) -> TrialSpec:
    return TrialSpec(
        data=Synthetic(images=320, size=32, seed=seed),
        model=SmallCNN(widths=(8, 16)),
        optimizer=Optimizer(learning_rate=5e-3),
        schedule=Schedule(epochs=epochs, batch_size=16),
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps on the same images, one of them trained longer, and one on others."""
    folder = tmp_path_factory.mktemp("versus") / "runs"
    for name, epochs, seed in (("short", 1, 0), ("long", 20, 0), ("others", 1, 1)):
        sweep = Sweep(
            name=name,
            space=lambda trial, epochs=epochs, seed=seed: spec(epochs, seed),
            trials=1,
            searcher="grid",
            member_seeds=0,
            posthoc=(Evaluation(), Temperature()),
        )
        launch = Launch(sweep=sweep, overrides=Overrides(), name=name, storage=folder)
        assert run_sweep(launch, InlineExecutor()).finished
    return folder


def findings(storage: Path, name: str) -> Findings:
    return gather(Store(storage), Ledger(storage, name))


def test_on_the_same_images_differences_are_paired(storage: Path) -> None:
    short, long = findings(storage, "short"), findings(storage, "long")
    found = compare([long, short])
    versus = next(each for each in found.versus if each.what == "best network")
    assert versus.is_paired
    one, other = (each.predictions(each.best.key, "test") for each in (long, short))
    table = long.table(long.meta(long.best.key)["data"])
    group_of = dict(zip(table["ids"], table["groups"], strict=True))
    expected = paired_intervals(one, other, [group_of[name] for name in one.image_ids])
    assert versus.differences == expected
    assert versus.differences["nll"].value == pytest.approx(
        long.best.metrics["test/nll"] - short.best.metrics["test/nll"]
    )
    assert versus.verdict("nll") == ("better" if versus.differences["nll"].high < 0 else "no difference")
    assert not found.remarks


def test_on_other_images_half_widths_add_as_squares_and_it_is_said(storage: Path) -> None:
    one, other = findings(storage, "short"), findings(storage, "others")
    found = compare([one, other])
    versus = next(each for each in found.versus if each.what == "best network")
    assert not versus.is_paired
    assert "independent samples" in found.remarks[0]
    sides = {side.sweep: side for side in found.sides if side.what == "best network"}
    ours, theirs = sides["short"].intervals["nll"], sides["others"].intervals["nll"]
    difference = versus.differences["nll"]
    assert difference.low == pytest.approx(
        difference.value - ((ours.value - ours.low) ** 2 + (theirs.high - theirs.value) ** 2) ** 0.5
    )
    assert (ours.low, ours.high) != (theirs.low, theirs.high)


@pytest.mark.parametrize(
    ("metric", "interval", "said"),
    [
        ("accuracy", (0.1, 0.05, 0.2), "better"),
        ("accuracy", (-0.1, -0.2, -0.05), "worse"),
        ("nll", (-0.1, -0.2, -0.05), "better"),
        ("nll", (0.1, -0.05, 0.2), "no difference"),
        ("ece", None, ""),
    ],
)
def test_the_verdict_knows_which_way_is_better(
    metric: str, interval: tuple[float, float, float] | None, said: str
) -> None:
    found = {metric: Interval(value=interval[0], low=interval[1], high=interval[2])} if interval else {}
    versus = Versus(one="a", other="b", what="best network", is_paired=True, differences=found)
    assert versus.verdict(metric) == said


def test_settings_in_which_sweeps_differ_are_told(storage: Path) -> None:
    found = compare([findings(storage, "short"), findings(storage, "others")])
    names = [name for name, _ in found.settings]
    assert "space" in names
    assert "searcher" not in names


def test_one_sweep_is_no_comparison(storage: Path) -> None:
    with pytest.raises(ValueError, match="two sweeps or more"):
        compare([findings(storage, "short")])


def test_every_form_has_the_same_numbers(storage: Path) -> None:
    found = compare([findings(storage, "long"), findings(storage, "short")])
    value = next(each for each in found.versus if each.what == "best network").differences["nll"].value
    assert f"{value:+.3f}" in comparison_markdown(found)
    assert f"{value:+.3f}" in comparison_page(found)
    plain = json.loads(json.dumps(comparison_json(found)))
    assert plain["differences"][0]["metrics"]["nll"]["value"] == value


def test_the_command_prints_or_writes(storage: Path, tmp_path: Path) -> None:
    said = orchestrator("compare", "long", "short", "--storage", storage)
    assert said.code == 0, said
    assert "long less short" in said.out
    page = tmp_path / "page.html"
    said = orchestrator("compare", "long", "short", "--storage", storage, "--format", "html", "--out", page)
    assert said.code == 0, said
    assert "<h1>long and short</h1>" in page.read_text("utf-8")
    assert "There is no sweep 'shrt'" in refusal("compare", "long", "shrt", "--storage", storage)
