"""The report as text: Markdown for a page, CSV for a table, LaTeX for an article."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from orchestrator.report.findings import Findings
from orchestrator.report.headline import sentences
from orchestrator.report.papers.formats import tables_csv, tables_latex, tables_markdown
from orchestrator.report.papers.page import paper_questions, paper_tables
from orchestrator.report.remarks import remarks_of
from orchestrator.report.tables import results_csv, results_markdown

ReportFormat: TypeAlias = Literal["html", "md", "csv", "latex"]
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
SUFFIXES = {"html": ".html", "md": ".md", "csv": ".csv", "latex": ".tex"}


def report_text(findings: Findings, form: ReportFormat) -> str:
    """The report in a form other than HTML.

    Of a paper's sweep CSV and LaTeX are the paper's tables; of another one CSV is that of `orchestrator results`.

    Raises:
        ValueError: LaTeX of a sweep that is no paper's.
    """
    tables = paper_tables(findings)
    if form == "csv":
        return tables_csv(tables) if tables else results_csv(findings.results)
    if form == "latex":
        if not tables:
            raise ValueError(
                f"--format latex is of a paper's tables, and {findings.name!r} is a sweep of the space "
                f"{findings.definition.get('space')!r}. Take --format md, or orchestrator results --format csv."
            )
        return tables_latex(tables, findings.name)
    lines = [f"# {findings.name}", "", *(f"- {sentence}" for sentence in sentences(findings)), ""]
    lines += [results_markdown(findings.results, findings.objectives), ""]
    if tables:
        lines += ["## The paper's tables", "", tables_markdown(tables)]
    if asked := paper_questions(findings):
        lines += ["## What the paper left open", ""]
        for question in asked:
            lines += [f"**{question.asked}**", "", *(f"- {answer}" for answer in question.answers), ""]
    remarks = [remark.text for remark in remarks_of(findings)]
    if remarks:
        lines += ["## Remarks", "", *(f"- {remark}" for remark in remarks), ""]
    return "\n".join(lines)
