"""The paper's tables as LaTeX, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from orchestrator.report.papers.tables import Cell, Column, Line, PaperTable
from orchestrator.report.papers.words import DASH, interval_text, ours_text, paper_text

CSV_COLUMNS = ("table", "row", "column", "paper", "paper_spread", "ours", "low", "high", "verdict", "note")
SPECIAL = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
}
SPECIAL |= {"^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "±": r"$\pm$", DASH: "--", "<": r"$<$", ">": r"$>$"}


def tables_csv(tables: Sequence[PaperTable]) -> str:
    """A line a cell: paper's number and spread, ours with its interval, and the verdict; in the table's unit, in full."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for line in table.lines:
            for cell, column in zip(line.cells, table.columns, strict=True):
                if cell.paper or cell.ours:
                    row = {
                        "table": table.title,
                        "row": ", ".join(line.names),
                        "column": column.title,
                        "note": line.note,
                    }
                    writer.writerow(row | _values(cell))
    return buffer.getvalue()


def tables_markdown(tables: Sequence[PaperTable]) -> str:
    """Every table with three lines of truth in a cell: paper's, ours, interval and verdict."""
    parts = []
    for table in tables:
        heads = [*table.heads, *(column.title for column in table.columns)]
        lines = [
            f"### {table.title}",
            "",
            _row(heads),
            _row(["---"] * len(table.heads) + ["---:"] * len(table.columns)),
        ]
        for line in table.lines:
            cells = [_told(cell, column) for cell, column in zip(line.cells, table.columns, strict=True)]
            lines.append(_row([*_names(line), *cells]))
        notes = dict.fromkeys(line.note for line in table.lines if line.note)
        parts.append("\n".join([*lines, "", *(f"{said}\n" for said in [*notes, *table.remarks])]))
    return "\n".join(parts)


def tables_latex(tables: Sequence[PaperTable], sweep: str) -> str:
    """A floating table each, for the package booktabs; the paper's number, ours, and below it the interval."""
    parts = [r"% needs \usepackage{booktabs}"]
    for number, table in enumerate(tables, start=1):
        columns = "l" * len(table.heads) + "rr" * len(table.columns)
        heads = [*map(latex, table.heads), *(rf"\multicolumn{{2}}{{c}}{{{latex(c.title)}}}" for c in table.columns)]
        under = [""] * len(table.heads) + ["paper", "ours"] * len(table.columns)
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex(table.title)}: the paper's numbers, and those of the sweep {latex(sweep)} with 95\,\% intervals.}}",
            rf"\label{{tab:{re.sub(r'[^a-z0-9]+', '-', f'{sweep} {number}'.lower())}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            " & ".join(under) + r" \\",
            r"\midrule",
        ]
        for line in table.lines:
            lines += _latex_lines(line, table)
        parts.append("\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]))
    return "\n\n".join(parts) + "\n"


def latex(text: str) -> str:
    """Text with TeX's own letters escaped."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _latex_lines(line: Line, table: PaperTable) -> list[str]:
    pairs = list(zip(line.cells, table.columns, strict=True))
    first = [*map(latex, _names(line))]
    second = [""] * len(line.names)
    for cell, column in pairs:
        first += [latex(paper_text(cell, column)), latex(ours_text(cell, column))]
        interval = interval_text(cell, column)
        second += ["", rf"{{\scriptsize {latex(interval)}}}" if interval else ""]
    lines = [" & ".join(first) + r" \\"]
    return [*lines, " & ".join(second) + r" \\"] if any(second) else lines


def _told(cell: Cell, column: Column) -> str:
    interval, verdict = interval_text(cell, column), cell.verdict
    ours = ours_text(cell, column) + (f" ({interval})" if interval else "")
    theirs = f"paper {paper_text(cell, column)}; " if cell.paper else ""
    return f"{theirs}{ours}" + (f", {verdict}" if verdict else "")


def _names(line: Line) -> list[str]:
    return [*line.names[:-1], f"{line.names[-1]} (ours)" if line.is_ours else line.names[-1]]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _values(cell: Cell) -> dict[str, float | str | None]:
    paper, ours = cell.paper, cell.ours
    return {
        "paper": paper.value if paper else None,
        "paper_spread": paper.spread if paper and paper.spread else None,
        "ours": ours.value if ours else None,
        "low": ours.low if ours else None,
        "high": ours.high if ours else None,
        "verdict": cell.verdict,
    }
