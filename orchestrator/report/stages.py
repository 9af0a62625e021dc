"""Trainings in two stages: the first one's epochs, read from its chain, beside the second one's."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.chain import stored_reports
from orchestrator.report.findings import Findings
from orchestrator.storage.ledger import Report, Row


def first_stages(findings: Findings) -> list[Row]:
    """A row for each first stage that has an epoch, as if it were a trial; trials that share one share its row.

    It has the name of the best trial where that went through it, else of the first trial that did.
    """
    best = findings.best.name if findings.best else ""
    rows: dict[str, Row] = {}
    for row in sorted(findings.rows, key=lambda row: row.name != best):
        if row.first_fit_key and row.first_fit_key not in rows:
            reports = first_reports(findings, row)
            if reports:
                rows[row.first_fit_key] = replace(
                    row,
                    key=row.first_key,
                    fit_key=row.first_fit_key,
                    first_key="",
                    first_fit_key="",
                    reports=reports,
                    state="completed",
                )
    return list(rows.values())


def first_reports(findings: Findings, row: Row) -> list[Report]:
    """The epochs of a row's first stage; none for a training in one stage."""
    return stored_reports(findings.store, row.first_fit_key) if row.first_fit_key else []
