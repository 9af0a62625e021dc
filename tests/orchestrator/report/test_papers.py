"""The papers' tables: their numbers as printed, ours from the store, and what is said of the two."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.report.findings import Findings, gather
from orchestrator.report.formats import report_text
from orchestrator.report.papers import p1, p2, p3
from orchestrator.report.papers.formats import latex, tables_csv, tables_latex, tables_markdown
from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.page import FIGURES, TABLES, paper_page, paper_tables
from orchestrator.report.papers.tables import Cell, Found, PaperTable, Printed
from orchestrator.report.pictures import Studio
from orchestrator.report.write import render, write_report
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import run_sweep
from orchestrator.sweep.request import build_launch
from search_spaces.registry import SPACES

PRINT_NOTHING = ("p2_chexpert_backbones", "p2_chexpert_search", "p2_chexpert_mimo", "p3_covid_open")
SMALL = ["data/images=320", "data/size=32", "schedule/epochs=1"]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """P0 and P4 on few embedded images, one epoch each."""
    folder = tmp_path_factory.mktemp("papers") / "runs"
    for space, settings in (("p0_mura_laplace", SMALL), ("p4_imageclef_attentive", SMALL)):
        launch = build_launch(space, storage=folder, scale="small", settings=settings)
        quick = tuple(task for task in launch.sweep.posthoc if task.kind in ("evaluation", "laplace", "attentive"))
        ended = run_sweep(replace(launch, sweep=replace(launch.sweep, posthoc=quick)), InlineExecutor())
        assert ended.finished
        assert not ended.failed_tasks
    return folder


def findings_of(storage: Path, name: str) -> Findings:
    return gather(Store(storage), Ledger(storage, name))


def cells(table: PaperTable) -> dict[tuple[str, str], Cell]:
    return {
        (", ".join(line.names), column.title): cell
        for line in table.lines
        for cell, column in zip(line.cells, table.columns, strict=True)
    }


def test_every_paper_has_tables_and_figures() -> None:
    papers = {name for name in SPACES if re.match(r"p\d_", name)}
    assert set(TABLES) == set(FIGURES) == papers


@pytest.mark.parametrize(
    ("paper", "ours", "verdict"),
    [
        (Printed(value=0.5), Found(value=0.6, low=0.4, high=0.7), "agrees"),
        (Printed(value=0.3), Found(value=0.6, low=0.4, high=0.7), "higher"),
        (Printed(value=0.9), Found(value=0.6, low=0.4, high=0.7), "lower"),
        (Printed(value=0.9, spread=0.25), Found(value=0.6, low=0.4, high=0.7), "agrees"),
        (Printed(value=0.9), Found(value=0.6), ""),
        (Printed(value=0.9), None, ""),
        (None, Found(value=0.6, low=0.4, high=0.7), ""),
    ],
)
def test_the_verdict_asks_whether_the_printed_number_meets_our_interval(
    paper: Printed | None, ours: Found | None, verdict: str
) -> None:
    assert Cell(paper=paper, ours=ours).verdict == verdict


def test_p0_has_its_table_with_both_times_and_intervals(storage: Path) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    (table,) = paper_tables(findings)
    found = cells(table)
    (row,) = [each for each in findings.results if each.kind == "trial"]
    assert found["CNN, -", "accuracy"].paper == Printed(value=0.87519)
    ours = found["CNN, -", "accuracy"].ours
    assert ours is not None
    assert ours.value == pytest.approx(row.metrics["test/accuracy"])
    assert ours.low <= ours.value <= ours.high
    kron = found["BNN, kron", "fit (h)"]
    assert kron.paper == Printed(value=0.074)
    assert kron.ours.value == pytest.approx(row.seconds["laplace_kron_grid/fit"] / 3600)
    assert found["BNN, full", "NLL"].ours.value == pytest.approx(row.metrics["laplace_full_grid/test/nll"])
    assert found["CNN, -", "fit (h)"] == Cell()


def test_p4_has_a_row_for_each_network(storage: Path) -> None:
    (table,) = paper_tables(findings_of(storage, "p4_imageclef_attentive"))
    assert [(line.names[0], line.cells[0].paper.value) for line in table.lines] == [
        ("shallow", 71.1),
        ("deeper", 90.36),
        ("deeper + augmentation", 95.62),
    ]
    assert all(line.cells[0].ours is not None for line in table.lines)


def test_p4_has_the_maps_of_each_network_behind_its_figures(storage: Path) -> None:
    findings = findings_of(storage, "p4_imageclef_attentive")
    page = paper_page(findings, Studio())
    rows = {row.params["row"]: f"attentive-{row.name}" for row in findings.results}
    wanted = {"Fig. 3": "deeper_augmented", "Fig. 4": "deeper", "Fig. 5": "shallow", "Fig. 6": "deeper_augmented"}
    assert {figure.name: figure.anchor for figure in page.figures} == {name: rows[row] for name, row in wanted.items()}
    text = render(findings)
    for anchor in rows.values():
        assert f'id="{anchor}"' in text
        assert f'href="#{anchor}"' in text
    assert text.count("Unit by unit: the 9 most activated ones") == 3


@pytest.mark.parametrize("space", list(TABLES))
def test_a_sweep_without_results_has_the_printed_numbers_alone(storage: Path, space: str) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    empty = replace(findings, results=(), rows=(), best=None, definition={**findings.definition, "space": space})
    page = paper_page(empty, Studio())
    assert page is not None
    assert all(cell.ours is None for table in page.tables for line in table.lines for cell in line.cells)
    printed = [cell for table in page.tables for line in table.lines for cell in line.cells if cell.paper]
    assert bool(printed) == (space not in PRINT_NOTHING)


def test_p1_says_where_an_honest_run_must_differ(storage: Path) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    empty = Measured(replace(findings, results=(), rows=(), best=None))
    (table,) = p1.tables(empty)
    assert len(table.lines) == 16
    notes = {line.names: line.note for line in table.lines}
    assert "shuffled pass" in notes["large", "MAP"]
    assert "softmax on probabilities" in notes["small", "LA full"]
    assert notes["small", "ensemble 10"] == ""
    ensemble = next(line for line in table.lines if line.names == ("large", "ensemble 2"))
    assert ensemble.cells[3].paper == Printed(value=2.5, spread=1.0)  # judged with 5 bins
    assert ensemble.cells[2].paper is None


def test_p3_and_p2_have_the_paper_s_rows(storage: Path) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    empty = Measured(replace(findings, results=(), rows=(), best=None))
    vgg, dense, final = p3.tables(empty)
    assert cells(vgg)["Viral Pneumonia", "recall"].paper == Printed(value=0.96)
    assert cells(dense)["accuracy", "recall"].paper == Printed(value=0.88)
    assert cells(final)["DenseNet201", "AOPC"].paper == Printed(value=0.49)
    areas, errors = p2.losses(empty)
    assert cells(areas)["focal", "mean AUC"].paper == Printed(value=0.8867)
    assert cells(errors)["deep AUC", "after temperature"].paper == Printed(value=0.0992)
    (ablation,) = p2.ablation(empty)
    assert [line.is_ours for line in ablation.lines] == [False, False, False, False, True]
    assert cells(ablation)["weighted cross entropy", "Edema"].paper == Printed(value=0.691)
    assert cells(ablation)["weighted cross entropy", "Card."].paper is None


def test_p2_tells_what_its_loss_costs(storage: Path) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    plain = next(row for row in findings.results if row.kind == "trial")
    plain = replace(plain, epochs=5, params={"row": "cross_entropy"}, seconds={"fit/train": 10.0})
    costly = replace(plain, key="another", params={"row": "one_stage"}, seconds={"fit/train": 31.0})
    (table,) = p2.ablation(Measured(replace(findings, results=(plain, costly))))
    assert "3.1 times as long (6.2 s and 2.0 s)" in table.remarks[-1]
    assert "does not hold" in table.remarks[-1]


def test_p2_says_why_a_label_has_no_number(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    plain = next(row for row in findings.results if row.kind == "trial")
    plain = replace(plain, params={"backbone": "vgg19"}, metrics={})
    told = " ".join(p2.backbones(Measured(replace(findings, results=(plain,))))[0].remarks)
    assert f"These data have no label {', '.join(p2.LABELS)}" in told
    assert "normal, opacity" in told
    monkeypatch.setattr(Findings, "classes", lambda self, key: tuple(p2.LABELS))
    told = " ".join(p2.backbones(Measured(replace(findings, results=(plain,))))[0].remarks)
    assert f"No AUC for {', '.join(p2.LABELS)}: on test" in told
    assert "no label" not in told


def test_the_page_has_tables_samples_and_differences(storage: Path) -> None:
    page = write_report(Store(storage), Ledger(storage, "p0_mura_laplace"), storage / "p0.html").read_text("utf-8")
    assert "P0: last-layer Laplace on MURA" in page
    assert "This is the small scale" in page
    assert "0.87519" in page
    assert "embedded radiographs" in page
    assert page.count('alt="radiograph, ') >= 4
    assert '<div class="paper-figures">' in page


def test_text_forms_hold_the_same_numbers(storage: Path) -> None:
    findings = findings_of(storage, "p4_imageclef_attentive")
    tables = paper_tables(findings)
    rows = list(csv.DictReader(io.StringIO(tables_csv(tables))))
    assert [row["paper"] for row in rows] == ["71.1", "90.36", "95.62"]
    ours = float(rows[0]["ours"])
    assert f"{ours:.2f}" in tables_markdown(tables)
    assert f"{ours:.2f}" in tables_latex(tables, "p4")
    assert report_text(findings, "csv") == tables_csv(tables)
    assert "## The paper's tables" in report_text(findings, "md")


def test_latex_is_whole_and_escaped(storage: Path) -> None:
    text = tables_latex(paper_tables(findings_of(storage, "p0_mura_laplace")), "my_sweep")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    assert r"my\_sweep" in text
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert all(line.count("&") == len(columns) - 1 for line in body)
    assert latex("50 % & x_1 ± 2") == r"50 \% \& x\_1 $\pm$ 2"


def test_latex_of_another_sweep_is_refused(storage: Path) -> None:
    findings = findings_of(storage, "p0_mura_laplace")
    other = replace(findings, definition={**findings.definition, "space": "demo"})
    with pytest.raises(ValueError, match=r"--format latex.*Take --format md"):
        report_text(other, "latex")
    assert paper_page(other, Studio()) is None
