"""Calibration errors by label, before and after each calibrator (paper P2, Table 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.figures.words import task_label
from orchestrator.report.calibration import calibrators_of
from orchestrator.report.findings import Findings
from orchestrator.report.text import number_text
from orchestrator.results import ResultRow


@dataclass(frozen=True, kw_only=True)
class LabelErrors:
    """ECE on test of the best network.

    Attributes:
        methods: heads of the columns; the first one is uncalibrated.
        rows: a label each and last their mean: its name, and a number a method as text.
    """

    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def label_errors(findings: Findings) -> LabelErrors | None:
    """The table; None where there is no best network, or it predicts classes."""
    best = findings.best
    names = [name.removeprefix("test/ece/") for name in best.metrics if name.startswith("test/ece/")] if best else []
    if (
        best is None or not names or "val/auprc" not in best.metrics
    ):  # classes have errors by class, and no mean of them
        return None
    tasks = ["evaluation", *calibrators_of([best])]
    rows = [(name, _row(best, tasks, f"ece/{name}")) for name in names]
    return LabelErrors(
        methods=tuple(task_label(task) for task in tasks), rows=(*rows, ("mean", _row(best, tasks, "ece")))
    )


def _row(best: ResultRow, tasks: Sequence[str], metric: str) -> tuple[str, ...]:
    named = [f"test/{metric}" if task == "evaluation" else f"{task}/test/{metric}" for task in tasks]
    return tuple(number_text(best.metrics.get(name), 4) for name in named)
