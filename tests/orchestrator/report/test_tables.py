import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.report.tables import results_csv, results_frame, results_json, results_markdown
from orchestrator.report.terminal import results_table
from orchestrator.report.text import number_text
from orchestrator.results import ResultRow, objectives_of, result_rows
from search_spaces.objective import Objective
from tests.orchestrator.report.tiny_sweep import TinySweep, finished_sweep

OBJECTIVES = (Objective(metric="val/nll", mode="min"),)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> TinySweep:
    return finished_sweep(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def rows(sweep: TinySweep) -> list[ResultRow]:
    return result_rows(sweep.store, sweep.ledger)


def test_json_has_the_contract_s_shape(sweep: TinySweep) -> None:
    plain = results_json(sweep.ledger, sweep.store)
    assert plain["sweep"] == "tiny"
    assert plain["objectives"] == [{"metric": "val/nll", "mode": "min"}]
    assert [(row["name"], row["kind"], row["trial"], row["state"]) for row in plain["rows"]] == [
        ("trial-0000", "trial", 0, "completed"),
        ("trial-0001", "trial", 1, "completed"),
        ("trial-0002", "trial", 2, "stopped"),
        ("trial-0003", "trial", 3, "failed"),
        ("ensemble_top_3", "ensemble", None, "completed"),
    ]
    assert {"key", "kind", "name", "trial", "state", "epochs", "params", "metrics", "members"} <= plain["rows"][
        0
    ].keys()
    assert plain["rows"][4]["members"] == [row["key"] for row in plain["rows"][:2]]
    json.dumps(plain, allow_nan=False)


def test_nan_and_infinity_are_null(sweep: TinySweep, tmp_path: Path) -> None:
    broken = TinySweep(tmp_path)
    row = broken.add_trial(0)
    row.params = {"scale": 1e999}
    row.reports[-1].metrics |= {"val/nll": math.nan}
    # a ledger refuses NaN; a row could still hold one from a file that Python's json reads leniently
    path = broken.ledger.folder / "rows" / "trial-0000.json"
    path.write_text(json.dumps(vars(row) | {"reports": [vars(each) for each in row.reports]}))
    (plain,) = results_json(broken.ledger, broken.store)["rows"]
    assert plain["metrics"]["val/nll"] is None
    assert plain["params"]["scale"] is None


def test_frame_and_csv_hold_the_same_numbers(rows: list[ResultRow]) -> None:
    frame = results_frame(rows)
    table = list(csv.DictReader(io.StringIO(results_csv(rows))))
    assert list(frame["name"]) == [line["name"] for line in table]
    assert list(frame.columns) == list(table[0])
    assert frame["metrics/test/accuracy"][0] == pytest.approx(rows[0].metrics["test/accuracy"])
    assert float(table[0]["metrics/test/accuracy"]) == rows[0].metrics["test/accuracy"]
    assert math.isnan(frame["metrics/test/accuracy"][3])
    assert table[3]["metrics/test/accuracy"] == ""


def test_what_rounds_to_zero_is_without_a_sign() -> None:
    assert [number_text(value) for value in (-0.0, -0.0004, -0.0006, 0.0004)] == ["0.000", "0.000", "-0.001", "0.000"]


def test_a_frame_of_nothing_has_its_columns() -> None:
    assert list(results_frame([]).columns)[:3] == ["key", "kind", "name"]


def test_markdown_marks_the_best_trial_and_dashes_what_is_missing(rows: list[ResultRow]) -> None:
    lines = results_markdown(rows, OBJECTIVES).splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[2].startswith("| **trial-0000** |")
    assert lines[5].count("–") >= 5
    assert lines[0].endswith("| parameters |")
    assert lines[2].endswith("| learning_rate 0.1, loss focal |")
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize("more", [0, 1, 2])
def test_the_terminal_table_fits_100_columns_without_cutting(
    sweep: TinySweep, rows: list[ResultRow], more: int
) -> None:
    rows = [
        replace(row, state="superseded", seconds={"fit/train": 9999.9}) if row.kind == "ensemble" else row
        for row in rows
    ]
    laplace = {"laplace_kron/test/ece": 0.123, "laplace_kron/test/nll": 1.5}
    rows[0] = replace(
        rows[0], metrics={**rows[0].metrics, **laplace}, results={**rows[0].results, "laplace_kron": "laplace-1"}
    )
    objectives = (*objectives_of(sweep.ledger.definition()), *(Objective(metric="val/ece", mode="min"),) * more)
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    console.print(results_table(rows, objectives))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "★ trial-0000" in shown
    assert "★ best trial (learning_rate 0.1, loss focal). Objective: " in " ".join(shown.split())
    assert "0.123" in shown


def test_a_network_that_was_drawn_twice_is_starred_once(rows: list[ResultRow]) -> None:
    doubled = [rows[0], replace(rows[0], name="trial-0009", trial=9)]
    console = Console(width=100, file=io.StringIO())
    console.print(results_table(doubled, OBJECTIVES))
    assert console.file.getvalue().count("★ trial") == 1  # type: ignore[attr-defined]
