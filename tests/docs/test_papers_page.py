"""The page on the papers names every sweep, table and figure that the report knows."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.report.papers.page import FIGURES, TABLES
from search_spaces.registry import SPACES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "papers.md").read_text()
TEMPLATES = ROOT / "orchestrator" / "report" / "templates"
STATUS = ("filled", "must differ", "ours", "no row")


def table_rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| row"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_paper_s_sweep_has_its_rows_and_its_command() -> None:
    papers = [name for name in SPACES if re.match(r"p\d_", name)]
    assert set(papers) == set(TABLES)
    for name in papers:
        assert any(f"`{name}`" in made_by for _, made_by, *_ in table_rows()), name


@pytest.mark.parametrize("space", FIGURES)
def test_every_figure_of_the_report_stands_on_the_page(space: str) -> None:
    empty: Any = SimpleNamespace(
        findings=SimpleNamespace(networks=(), rows=()), trials=lambda **_: [], trial=lambda **_: None
    )
    about = " ".join(row[0] for row in table_rows() if f"`{space[:3]}" in row[1])
    for figure in FIGURES[space](empty, empty):
        for number in re.findall(r"\d+(?:\.\d+)?", figure.name):
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.]*\d)", about), f"{space}: {figure.name}"


def test_sections_and_statuses_are_those_that_there_are() -> None:
    headings = "".join(
        re.sub(r"<[^>]+>", "", found)
        for path in TEMPLATES.glob("*.html")
        for found in re.findall(r"<h2>.*?</h2>", path.read_text())
    )
    for _, _, section, status in table_rows():
        for name in section.split(", "):
            if name not in ("Paper", "printed", "below Table 1", "below Table 4.1"):
                assert name in headings, name
        assert status.startswith(STATUS)


def test_the_rows_that_must_differ_are_p1_s() -> None:
    differing = [what for what, made_by, _, status in table_rows() if status == "must differ"]
    assert [what.split(",")[1].split()[0] for what in differing] == ["MAP", "Laplace"]
