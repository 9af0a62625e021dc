"""Rows of calibrators in the report's tables."""

from types import SimpleNamespace

from orchestrator.report.calibration import calibrators_of
from orchestrator.report.label_calibration import label_errors
from orchestrator.results import ResultRow
from orchestrator.sweep.labels import without_class_tasks
from search_spaces.p2_chexpert_losses import sweep
from trainables.spec import Calibration

METRICS = {
    "test/ece": 0.2,
    "test/ece/opacity": 0.3,
    "test/ece/effusion": 0.1,
    "temperature/test/ece": 0.05,
    "temperature/test/ece/opacity": 0.06,
    "temperature/test/ece/effusion": 0.04,
    "temperature_per_label/test/ece": 0.025,
    "temperature_per_label/test/ece/opacity": 0.03,
}
METRICS["val/auprc"] = 0.7
TASKS = ("evaluation", "histogram_10", "temperature_per_label", "histogram", "temperature", "laplace_kron")


def best(metrics):
    row = SimpleNamespace(metrics=metrics, results=dict.fromkeys(TASKS, "key"))
    return SimpleNamespace(best=row)


def test_the_error_of_each_label_stands_before_and_after_each_calibrator():
    table = label_errors(best(METRICS))
    assert table.methods[:3] == ("uncalibrated", "temperature", "a temperature a label")
    assert [name for name, _ in table.rows] == ["opacity", "effusion", "mean"]
    assert table.rows[0][1][:3] == ("0.3000", "0.0600", "0.0300")
    assert table.rows[1][1][:3] == ("0.1000", "0.0400", "–")
    assert table.rows[2][1][:3] == ("0.2000", "0.0500", "0.0250")


def test_of_classes_and_without_a_best_network_there_is_no_such_table():
    assert label_errors(best({"test/ece": 0.2})) is None
    assert label_errors(best({"test/ece": 0.2, "test/ece/normal": 0.1})) is None  # of one class against the rest
    assert label_errors(SimpleNamespace(best=None)) is None


def test_calibrators_come_in_one_order_and_under_other_settings_too():
    found: ResultRow = best(METRICS).best
    assert calibrators_of([found]) == ["temperature", "temperature_per_label", "histogram", "histogram_10"]


def test_a_sweep_of_labels_leaves_out_what_is_for_classes_and_says_so():
    from dataclasses import replace

    asked = replace(sweep, posthoc=(*sweep.posthoc, Calibration(method="matrix"), Calibration(method="isotonic")))
    kept, said = without_class_tasks(asked)
    assert kept.posthoc == (*sweep.posthoc, Calibration(method="isotonic"))
    assert "matrix" in said
