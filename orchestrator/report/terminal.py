"""The results table for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import commonpath
from typing import TYPE_CHECKING

from orchestrator.figures.words import metric_label
from orchestrator.report.columns import Column, columns_of
from orchestrator.report.summary import best_trial
from orchestrator.report.text import DASH, number_text, params_text
from orchestrator.results import ResultRow
from search_spaces.objective import Objective

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"completed": "green", "running": "cyan", "stopped": "yellow", "failed": "red", "superseded": "dim"}
# a terminal is narrower than the report
LEFT_OUT = ("F1", "NLL Lapl.")
ROOM_FOR_OBJECTIVES = ("Brier", "ECE", "NLL")
SHORT = {"Objective": "Obj.", "Accuracy": "Acc.", "Seconds": "s", "ECE temp.": "temp.", "ECE Lapl.": "Lapl."}


def results_table(rows: Sequence[ResultRow], objectives: Sequence[Objective]) -> Table:
    """A rich table whose best trial is marked by a star."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    left_out = (*LEFT_OUT, *ROOM_FOR_OBJECTIVES[: len(objectives) - 1])
    columns = [column for column in columns_of(rows, objectives) if column.title not in left_out]
    best = best_trial(rows, objectives[0])
    named = ", ".join(f"{metric_label(each.metric)} ({each.mode})" for each in objectives)
    drawn = f" ({escape(params_text(best.params))})" if best is not None and best.params else ""
    caption = f"★ best trial{drawn}. Objective: {named}. Everything else on test; temp. and Lapl.: ECE after each."
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    table.add_column("Name", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Ep", justify="right")
    for column in columns:
        title = SHORT.get(column.title, column.title.replace("Objective", "Obj."))
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        is_best = row is best
        cells = [_cell(column, row) for column in columns]
        table.add_row(*_opening(row, is_best), *cells, style="bold" if is_best else None)
    return table


def metrics_table(rows: Sequence[ResultRow], columns: Sequence[Column], objective: Objective) -> Table:
    """A rich table of chosen metrics; what their names have in common at the beginning stands above it."""
    from rich import box
    from rich.table import Table

    names = [column.title for column in columns]
    shared = commonpath(names) if len(names) > 1 else ""
    best = best_trial(rows, objective)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=shared or None)
    table.add_column("Name", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Ep", justify="right")
    for name in names:
        table.add_column(name.removeprefix(shared).lstrip("/"), justify="right")
    for row in rows:
        cells = [_cell(column, row) for column in columns]
        table.add_row(*_opening(row, row is best), *cells, style="bold" if row is best else None)
    return table


def _opening(row: ResultRow, is_best: bool) -> list[str]:
    from rich.markup import escape

    name = ("★ " if is_best else "") + escape(row.name)
    state = f"[{COLOURS.get(row.state, 'default')}]{row.state}[/]"
    return [name, state, str(row.epochs or DASH)]


def _cell(column: Column, row: ResultRow) -> str:
    return number_text(column.value(row), column.digits)
