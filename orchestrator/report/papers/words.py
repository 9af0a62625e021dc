"""Numbers of a paper's table as text."""

from __future__ import annotations

from orchestrator.report.papers.tables import Cell, Column

DASH = "–"


def paper_text(cell: Cell, column: Column) -> str:
    """`0.875`, or `88.4 ± 0.6`."""
    if cell.paper is None:
        return DASH
    value = column.text(cell.paper.value)
    return f"{value} ± {column.text(cell.paper.spread)}" if cell.paper.spread else value


def ours_text(cell: Cell, column: Column) -> str:
    """`0.861`."""
    return DASH if cell.ours is None else column.text(cell.ours.value)


def interval_text(cell: Cell, column: Column) -> str:
    """`0.812 to 0.904`; empty where there is none."""
    if cell.ours is None or cell.ours.low is None or cell.ours.high is None:
        return ""
    return f"{column.text(cell.ours.low)} to {column.text(cell.ours.high)}"
