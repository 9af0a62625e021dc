from pathlib import Path

import pytest

from orchestrator.report.classes import by_class
from orchestrator.report.findings import Findings, gather
from orchestrator.report.intervals import SHOWN, accuracy_interval, groups_of, judged_rows
from orchestrator.report.pictures import Studio
from orchestrator.report.statistics import statistics_of
from orchestrator.report.text import number_text
from tests.orchestrator.report.tiny_sweep import TinySweep, finished_sweep
from trainables.metrics import headline
from trainables.metrics.bootstrap import headline_intervals, paired_intervals


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    sweep = finished_sweep(tmp_path_factory.mktemp("statistics"))
    return gather(sweep.store, sweep.ledger)


def test_intervals_are_those_of_the_stored_predictions_over_patients(findings: Findings) -> None:
    best, (lines, units) = findings.best, judged_rows(findings)
    assert best is not None
    predictions = findings.predictions(best.key, "test")
    groups = groups_of(findings, best, predictions)
    assert predictions is not None
    assert groups is not None
    assert units == "20 patients"
    assert lines[0].title == best.name
    assert lines[0].intervals == headline_intervals(predictions, groups)
    for name, value in headline(predictions).items():
        assert lines[0].intervals[name].value == pytest.approx(value)
    tile = accuracy_interval(findings, best)
    assert tile is not None
    assert (tile.low, tile.high) == pytest.approx(
        (lines[0].intervals["accuracy"].low, lines[0].intervals["accuracy"].high)
    )


def test_the_ensemble_is_compared_with_the_best_network_on_the_same_draws(findings: Findings) -> None:
    best, ensemble, (lines, _) = findings.best, findings.best_ensemble, judged_rows(findings)
    assert best is not None
    assert ensemble is not None
    (line,) = [each for each in lines if each.title == f"{ensemble.name} less {best.name}"]
    one, other = findings.predictions(ensemble.key, "test"), findings.predictions(best.key, "test")
    assert one is not None
    assert other is not None
    assert line.intervals == paired_intervals(one, other, groups_of(findings, best, other) or [])


def test_every_line_has_a_cell_a_metric(findings: Findings) -> None:
    shown, best = statistics_of(findings, Studio()), findings.best
    assert best is not None
    assert len(shown.heads) == len(SHOWN)
    assert {len(line.cells) for line in shown.lines} == {len(SHOWN)}
    assert shown.lines[0].cells[0][0] == number_text(best.metrics["test/accuracy"])
    assert [picture.label for picture in shown.pictures] == [
        "risk-coverage curve on test",
        "accuracy after referral on test",
    ]


def test_a_sweep_without_results_has_nothing_to_show(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path)
    sweep.add_trial(0, state="running")
    shown = statistics_of(gather(sweep.store, sweep.ledger), Studio())
    assert (shown.lines, shown.sets, shown.pictures) == ((), (), ())


def test_the_averages_of_the_classification_report_are_plain_and_weighted(findings: Findings) -> None:
    table = by_class(findings)
    assert table is not None
    plain, weighted = table.averages
    recalls = [(row.recall, row.images) for row in table.rows if row.recall is not None]
    total = sum(images for _, images in recalls)
    assert plain.recall == pytest.approx(sum(value for value, _ in recalls) / len(recalls))
    assert weighted.recall == pytest.approx(sum(value * images for value, images in recalls) / total)
    assert plain.images == weighted.images == sum(row.images for row in table.rows)
