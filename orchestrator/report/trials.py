"""The table of trials, members and ensembles as the HTML shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.columns import Column, columns_of
from orchestrator.report.findings import Findings
from orchestrator.report.intervals import Interval, accuracy_intervals
from orchestrator.report.summary import pareto_front
from orchestrator.report.text import DASH, number_text, short_text
from orchestrator.results import ResultRow

SHORT = 32
"""Characters of a row's parameters."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is shown, and what the table is sorted by (empty: last).

    `note` stands below it: its 95 % interval.
    """

    text: str
    sort: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Head of a column, and what it means in full."""

    title: str
    note: str


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A line of the table.

    Attributes:
        name, kind, state: of the row.
        reason: why it is not complete.
        epochs: trained.
        cells: the numbers.
        params: name and value of what was drawn.
        is_best: best trial, or best ensemble.
        on_front: on the Pareto front.
    """

    name: str
    kind: str
    state: str
    reason: str
    epochs: int
    cells: tuple[Cell, ...]
    params: tuple[tuple[str, str], ...]
    is_best: bool
    on_front: bool


def headings(findings: Findings) -> list[Heading]:
    """Heads of the columns of numbers."""
    return [Heading(title=_title(column), note=column.note) for column in _columns(findings)]


def table_rows(findings: Findings) -> list[TableRow]:
    """Every row."""
    columns = _columns(findings)
    best = [row.name for row in (findings.best, findings.best_ensemble) if row is not None]
    front = (
        {row.name for row in pareto_front(findings.results, findings.objectives)}
        if len(findings.objectives) > 1
        else set()
    )
    reasons = {row.name: row.reason for row in findings.rows}
    sure = accuracy_intervals(findings, findings.results)
    return [
        TableRow(
            name=row.name,
            kind=row.kind,
            state=row.state,
            reason=_reason(row, reasons.get(row.name, "")),
            epochs=row.epochs,
            cells=tuple(_cell(column, row, sure.get(row.key)) for column in columns),
            params=tuple((name, short_text(value)) for name, value in row.params.items()),
            is_best=row.name in best,
            on_front=row.name in front,
        )
        for row in findings.results
    ]


def params_first(rows: Sequence[TableRow]) -> bool:
    """Whether what was drawn is so short that it stands beside the names, where it is seen without scrolling."""
    return all(sum(len(name) + len(value) + 2 for name, value in row.params) <= SHORT for row in rows)


def _columns(findings: Findings) -> list[Column]:
    """The columns, ECE before temperature shown in one cell with the one after."""
    return [column for column in columns_of(findings.results, findings.objectives) if column.title != "ECE"]


def _title(column: Column) -> str:
    return "ECE → temp." if column.title == "ECE temp." else column.title


def _cell(column: Column, row: ResultRow, sure: Interval | None) -> Cell:
    value = column.value(row)
    text = number_text(value, column.digits)
    if column.title == "ECE temp.":
        before = number_text(row.metrics.get("test/ece"))
        text = DASH if before == DASH == text else f"{before} → {text}"
    sort = "" if value is None or not math.isfinite(value) else repr(float(value))
    note = f"{sure.low:.3f}–{sure.high:.3f}" if sure is not None and column.title == "Accuracy" and sort else ""
    return Cell(text=text, sort=sort, note=note)


def _reason(row: ResultRow, reason: str) -> str:
    if row.state == "stopped":
        return reason or f"by the scheduler, after epoch {row.epochs}"
    if row.state == "superseded":
        return "other members took its place"
    return reason
