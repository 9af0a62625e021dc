"""What the papers left open: answered from results, or told how to get them."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.report.findings import Findings, gather
from orchestrator.report.formats import report_text
from orchestrator.report.papers import p3_open
from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.questions import questions
from orchestrator.results import ResultRow
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import run_sweep
from orchestrator.sweep.request import build_launch
from trainables.spec import SmallCNN, TrialSpec

ROWS = ("paper", "balanced_draws", "lung_mask")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Three rows of the sweep that P3 left open, with a small network: the U-Net learns from the embedded lungs."""
    folder = tmp_path_factory.mktemp("open") / "runs"
    settings = [
        "data/images=240",
        "data/images_per_patient=1",
        "data/size=32",
        "schedule/epochs=2",
        "schedule/batch_size=16",
    ]
    launch = build_launch("p3_covid_open", storage=folder, scale="small", settings=settings)
    space = launch.sweep.space

    def quick(trial: optuna.trial.BaseTrial) -> TrialSpec:
        spec = space(optuna.trial.FixedTrial({"row": trial.suggest_categorical("row", list(ROWS))}))
        lungs = spec.lungs
        if lungs is not None:
            lungs = replace(lungs, segmentation=replace(lungs.segmentation, size=32, widths=(4, 8), epochs=1))
        return replace(spec, model=SmallCNN(widths=(8, 16)), lungs=lungs)

    tasks = tuple(task for task in launch.sweep.posthoc if task.kind == "evaluation")
    sweep = replace(launch.sweep, space=quick, posthoc=tasks, trials=len(ROWS))
    ended = run_sweep(replace(launch, sweep=sweep), InlineExecutor())
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    return gather(Store(folder), Ledger(folder, "p3_covid_open"))


def test_each_change_is_paired_with_the_paper_s_way(findings: Findings) -> None:
    measured = Measured(findings)
    (table,) = p3_open.tables(measured)
    gains = {line.names[0]: line.cells[-1].ours for line in table.lines}
    assert gains[p3_open.ROWS["paper"]] is None
    assert gains[p3_open.ROWS["wide_head"]] is None  # not trained here
    first, other = (measured.trial(row=name) for name in ("paper", "lung_mask"))
    assert first is not None
    assert other is not None
    gain = gains[p3_open.ROWS["lung_mask"]]
    assert gain is not None
    ours, theirs = (row.metrics["test/macro_f1"] for row in (other, first))
    assert ours is not None
    assert theirs is not None
    assert gain.value == pytest.approx(100 * (ours - theirs), abs=1e-3)
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low <= gain.value <= gain.high


def test_its_topics_are_answered_in_sentences(findings: Findings) -> None:
    told = {each.asked: each.answers[0] for each in questions("p3_covid_open", Measured(findings))}
    assert "masked by the map of the lungs: " in told["The lung masks as input?"]
    assert "points of macro F1 (" in told["Better sampling than down-sampling?"]
    rows = "linear_head, wide_head, deep_head, average_pooling"
    assert told["Tuning the head?"] == f"This sweep has none of the rows that would tell it: {rows}."
    running = Measured(replace(findings, state="running"))
    told = {each.asked: each.answers[0] for each in questions("p3_covid_open", running)}
    assert told["Tuning the head?"] == "No result yet; the same command computes it."
    assert "## What the paper left open" in report_text(findings, "md")


def row_of(name: str, metrics: dict[str, float | None], **params: str) -> ResultRow:
    return ResultRow(
        key=name, kind="trial", name=name, trial=0, state="completed", epochs=1, params=params, metrics=metrics,
        results=dict.fromkeys({each.split("/")[0] for each in metrics}, "key"),
    )  # fmt: skip


def test_p0_tells_how_sure_the_posterior_is_of_regions(findings: Findings) -> None:
    numbers = {"pair_certainty": 0.871, "top_region_certainty": 0.93, "top_region_low": 0.1, "top_region_high": 0.2}
    row = row_of("trial-0000", {f"member_maps_cam/test/{name}": value for name, value in numbers.items()})
    (question,) = questions("p0_mura_laplace", Measured(replace(findings, results=(row,))))
    assert "agree to 87.1% which one matters more" in question.answers[0]
    assert "between 10.0% and 20.0%" in question.answers[1]
    (without,) = questions("p0_mura_laplace", Measured(replace(findings, results=())))
    assert "no result yet" in without.answers[0]


def test_p2_compares_maps_with_masks_or_names_the_command(findings: Findings) -> None:
    numbers = {"energy_inside": 0.31, "mask_share": 0.08, "pointing_game": 0.6}
    row = row_of("trial-0000", {f"aopc/test/{name}": value for name, value in numbers.items()}, row="focal")
    (question,) = questions("p2_chexpert_losses", Measured(replace(findings, results=(row,))))
    assert question.answers[0].startswith(
        "focal: 31.0% of the map lies inside what makes the finding, which covers 8.0%"
    )
    (without,) = questions("p2_chexpert_losses", Measured(replace(findings, results=())))
    assert "orchestrator localise" in without.answers[0]


def test_p3_tells_whether_the_ranking_survives(findings: Findings) -> None:
    rows = [
        row_of(name, {f"aopc_stability/{variant}/test/aopc_gain": gain for variant, gain in gains.items()})
        for name, gains in (
            ("vgg", {"noise_0.1_cells_9": 0.1, "noise_0.3_cells_9": 0.3}),
            ("dense", {"noise_0.1_cells_9": 0.2, "noise_0.3_cells_9": 0.2}),
        )
    ]
    ranking, elsewhere = questions("p3_covid_aopc", Measured(replace(findings, results=tuple(rows))))
    assert "-1.00 at least" in ranking.answers[0] or "−1.00 at least" in ranking.answers[0]
    assert "p3_covid_open" in elsewhere.answers[0]
    assert questions("demo", Measured(findings)) == ()
