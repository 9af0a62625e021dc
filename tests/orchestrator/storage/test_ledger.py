"""What a ledger keeps to, in a folder and in a bucket."""

import time

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, is_bucket
from orchestrator.storage.ledger import Ledger, Report, Row, ledgers
from orchestrator.storage.place import Place


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


def test_rows_come_back_as_they_were_written_trials_first(storage: Storage) -> None:
    ledger = Ledger(storage, "demo")
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


def test_a_sweep_whose_driver_died_is_interrupted_and_one_that_ended_says_how(storage: Storage) -> None:
    ledger = Ledger(storage, "demo")
    ledger.write_definition({"name": "demo"})
    assert ledger.state() == "interrupted"
    with ledger.lock:
        assert ledger.state() == "running"
    ledger.write_outcome("finished")
    assert ledger.state() == "finished"


def test_sweeps_are_listed_the_newest_first(storage: Storage) -> None:
    for name in ("old", "new"):
        Ledger(storage, name).write_definition({"name": name})
        time.sleep(1.1 if is_bucket(storage) else 0.01)  # S3 tells whole seconds
    assert [ledger.name for ledger in ledgers(storage)] == ["new", "old"]
    assert list(ledgers(f"{storage}/elsewhere")) == []


def test_a_torn_row_is_told_with_its_file(storage: Storage, place: Place) -> None:
    ledger = Ledger(storage, "demo")
    ledger.write_row(row())
    name = "sweeps/demo/rows/trial-0000.json"
    place.write(name, place.read(name)[:20])
    with pytest.raises(StorageError, match=r"trial-0000\.json cannot be read"):
        ledger.rows()


def test_failures_are_kept_by_key_until_they_are_cleared(storage: Storage) -> None:
    ledger = Ledger(storage, "demo")
    ledger.write_failure("aopc-1", {"task": {"kind": "aopc"}, "members": ["network-1"], "error": "no memory"})
    assert ledger.failures()["aopc-1"]["error"] == "no memory"
    ledger.clear_failure("aopc-1")
    ledger.clear_failure("aopc-1")
    assert ledger.failures() == {}


def test_rows_that_another_process_has_changed_are_read_anew(storage: Storage) -> None:
    reader, writer = Ledger(storage, "demo"), Ledger(storage, "demo")
    for state in ("running", "completed"):
        writer.write_row(row(state=state))
        assert [each.state for each in reader.rows()] == [state]


def test_notes_are_taken_back(storage: Storage) -> None:
    ledger = Ledger(storage, "demo")
    assert ledger.noted("tracking-pending") == ""
    ledger.note("tracking-pending", "It was away.")
    assert ledger.noted("tracking-pending") == "It was away."
    ledger.note("tracking-pending", "")
    assert ledger.noted("tracking-pending") == ""


def test_a_sweep_is_forgotten_and_deleted(storage: Storage, place: Place) -> None:
    ledger = Ledger(storage, "demo")
    ledger.write_definition({"name": "demo"})
    assert ledger.exists()
    ledger.forget()
    assert not ledger.exists()
    ledger.write_definition({"name": "demo"})
    ledger.write_row(row())
    with ledger.lock:
        ledger.delete()
    assert list(ledgers(storage)) == []
    assert place.find("sweeps/*/rows/*") == []


@pytest.mark.parametrize("name", ["../other", "a/b", "..", ""])
def test_a_name_cannot_leave_the_folder_of_sweeps(storage: Storage, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a sweep"):
        Ledger(storage, name)
