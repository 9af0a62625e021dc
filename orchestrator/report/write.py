"""The HTML file: everything in it, nothing fetched, drawn from the store alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.figures.words import metric_label
from orchestrator.report import origin, pictures
from orchestrator.report.aims import front_pictures, importance_pictures
from orchestrator.report.attentive import TOGETHER, attentive_sections
from orchestrator.report.calibration import calibration_groups
from orchestrator.report.classes import by_class
from orchestrator.report.comparison import area_comparison, compared_by, grid_comparison, overlays
from orchestrator.report.effort import effort_lines
from orchestrator.report.ensembles import ensemble_entries
from orchestrator.report.explained import explained_tasks
from orchestrator.report.findings import Findings, gather
from orchestrator.report.headline import progress_text, sentences, tiles
from orchestrator.report.importance import LEAST_TRIALS
from orchestrator.report.label_calibration import label_errors
from orchestrator.report.laplace import laplace_lines
from orchestrator.report.member_maps import maps_entries
from orchestrator.report.papers.page import paper_page
from orchestrator.report.papers.words import interval_text, ours_text, paper_text
from orchestrator.report.remarks import remarks_of
from orchestrator.report.stability import stability_tables
from orchestrator.report.statistics import statistics_of
from orchestrator.report.text import number_text, plural, short_text, time_text
from orchestrator.report.trials import headings, params_first, table_rows
from orchestrator.storage.files import replace
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store

if TYPE_CHECKING:
    from jinja2 import Environment

SECTIONS = (
    "trials",
    "calibration",
    "ensembles",
    "statistics",
    "search",
    "explanations",
    "classes",
    "data",
    "origin",
)


def write_report(store: Store, ledger: Ledger, path: Path) -> Path:
    """Write the report of a sweep, finished or not, as one HTML file that opens anywhere.

    Args:
        store: with the artifacts.
        ledger: of the sweep.
        path: the file; it is replaced as a whole.

    Returns:
        The path.

    Raises:
        StorageError: store or ledger cannot be read, or the file cannot be written.
    """
    replace(path, render(gather(store, ledger)))
    return path


def render(findings: Findings) -> str:
    """The page as text."""
    return environment().get_template("report.html").render(**content(findings))


def content(findings: Findings) -> dict[str, Any]:
    """What the templates show, by name."""
    studio = pictures.Studio()
    paper, rows = paper_page(findings, studio), table_rows(findings)
    return {
        "sweep": findings.name,
        "state": findings.state,
        "definition": findings.definition,
        "definition_json": json.dumps(findings.definition, indent=2, ensure_ascii=False),
        "objectives": [f"{metric_label(each.metric)} ({each.mode})" for each in findings.objectives],
        "sections": _sections(findings, has_paper=paper is not None),
        "paper": paper,
        "written": time_text(time.time()),
        "created": time_text(findings.definition.get("created", 0.0)),
        "progress": progress_text(findings),
        "sentences": sentences(findings),
        "tiles": tiles(findings),
        "headings": headings(findings),
        "rows": rows,
        "params_first": params_first(rows),
        "calibration": calibration_groups(findings),
        "label_errors": label_errors(findings),
        "ensembles": ensemble_entries(findings, studio),
        "laplace": laplace_lines(findings),
        "reliability": pictures.reliability_pictures(findings, studio),
        "statistics": statistics_of(findings, studio),
        "learning": pictures.learning_pictures(findings, studio),
        "search": pictures.search_pictures(findings, studio),
        "least_trials": LEAST_TRIALS,
        "importance": importance_pictures(findings, studio),
        "fronts": front_pictures(findings, studio),
        "parallel": pictures.parallel_picture(findings, studio),
        "explained": explained_tasks(findings, studio),
        "stability": stability_tables(findings.results),
        "member_maps": maps_entries(findings, studio),
        "areas": area_comparison(findings, studio),
        "compared_by": compared_by(findings),
        "grid": grid_comparison(findings, studio),
        "overlays": overlays(findings, studio),
        "attentive": attentive_sections(findings, studio),
        "together": TOGETHER,
        "by_class": by_class(findings),
        "best": findings.best,
        "data": origin.data_counts(findings),
        "remarks": remarks_of(findings),
        "failures": origin.failures(findings),
        "stages": origin.stages(findings),
        "efforts": effort_lines(findings),
        "versions": origin.versions(findings),
        "devices": origin.devices(findings),
        "results": findings.results,
        "ledger_rows": {row.name: row for row in findings.rows},
    }


def _sections(findings: Findings, *, has_paper: bool) -> list[str]:
    """Those of this sweep; that on ensembles is left out where none is asked for."""
    wants_ensembles = any(task["kind"] == "ensemble" for task in findings.definition["posthoc"])
    left_out = {"ensembles"} if not (wants_ensembles or findings.ensembles) else set()
    return [name for name in (*(("paper",) if has_paper else ()), *SECTIONS) if name not in left_out]


def environment() -> Environment:
    """The templates, with the filters that they use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("orchestrator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "number": number_text,
        "short": short_text,
        "plural": plural,
        "paper_text": paper_text,
        "ours_text": ours_text,
        "interval_text": interval_text,
    }
    environment.filters.update(filters)
    return environment
