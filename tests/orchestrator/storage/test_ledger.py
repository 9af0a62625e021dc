import os
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage.ledger import Ledger, Report, Row, ledgers


def row(number: int = 0, **changes: object) -> Row:
    plain = {
        "kind": "trial",
        "number": number,
        "spec": {},
        "key": "network-1",
        "fit_key": "fit-1",
        "data_key": "data-1",
    }
    return Row(**{**plain, **changes})  # type: ignore[arg-type]


def report(epoch: int, best_epoch: int, nll: float) -> Report:
    return Report(epoch=epoch, metrics={"val/nll": nll}, best_epoch=best_epoch, finished=False)


def test_rows_come_back_as_they_were_written_trials_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "demo")
    rows = [row(0, params={"dropout": 0.1}, reports=[report(1, 1, 0.5)]), row(1), row(0, kind="member")]
    for each in reversed(rows):
        ledger.write_row(each)
    assert ledger.rows() == rows


def test_the_best_report_is_that_of_the_best_epoch_so_far() -> None:
    reports = [report(1, 1, 0.9), report(2, 2, 0.4), report(3, 2, 0.7)]
    best = row(reports=reports).best
    assert best is not None
    assert best.metrics == {"val/nll": 0.4}
    assert row().best is None


def test_a_sweep_whose_driver_died_is_interrupted_and_one_that_ended_says_how(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "demo")
    ledger.write_definition({"name": "demo"})
    assert ledger.state() == "interrupted"
    with ledger.lock:
        assert ledger.state() == "running"
    ledger.write_outcome("finished")
    assert ledger.state() == "finished"


def test_sweeps_are_listed_the_newest_first(tmp_path: Path) -> None:
    for n, name in enumerate(("old", "new")):
        ledger = Ledger(tmp_path, name)
        ledger.write_definition({"name": name})
        os.utime(ledger.folder / "sweep.json", (1000 + n, 1000 + n))
    assert [ledger.name for ledger in ledgers(tmp_path)] == ["new", "old"]
    assert list(ledgers(tmp_path / "elsewhere")) == []


def test_a_torn_row_is_told_with_its_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "demo")
    ledger.write_row(row())
    path = ledger.folder / "rows" / "trial-0000.json"
    path.write_text(path.read_text()[:20])
    with pytest.raises(StorageError, match=r"trial-0000\.json cannot be read"):
        ledger.rows()


def test_failures_are_kept_by_key_until_they_are_cleared(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "demo")
    ledger.write_failure("aopc-1", {"task": {"kind": "aopc"}, "members": ["network-1"], "error": "no memory"})
    assert ledger.failures()["aopc-1"]["error"] == "no memory"
    ledger.clear_failure("aopc-1")
    ledger.clear_failure("aopc-1")
    assert ledger.failures() == {}
