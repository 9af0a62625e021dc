"""The mirror on its thread: pauses, a server that is away and comes back, faults."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.errors import TrackingError
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror, Sent, pending
from orchestrator.tracking.mirror_thread import MirrorThread
from orchestrator.tracking.protocol import RunUpdate
from tests.orchestrator.tracking.mirrors import mirror_to, state_of, wait_for
from tests.orchestrator.tracking.small_sweep import SmallSweep


@pytest.mark.usefixtures("no_pictures")
def test_an_abandoned_thread_sends_nothing_more(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.complete()
    thread = MirrorThread(mirror_to(server, sweep), pause_seconds=5)
    thread.poke()
    thread.abandon()
    time.sleep(0.1)
    assert server.runs == []
    assert pending(sweep.ledger)


@pytest.mark.usefixtures("no_pictures")
def test_the_thread_sends_what_changes_and_clears_its_marker(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    thread = MirrorThread(mirror_to(server, sweep), pause_seconds=0.01)
    thread.poke()
    sweep.complete()
    thread.poke()
    assert thread.close(20).complete
    assert len(server.runs) == 4
    assert pending(sweep.ledger) == ""


@pytest.mark.usefixtures("no_pictures")
def test_a_server_that_comes_back_gets_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer(unreachable=True)
    sweep.complete()
    thread = MirrorThread(mirror_to(server, sweep), pause_seconds=0.01, longest_pause_seconds=0.05)
    thread.poke()
    wait_for(lambda: "unreachable" in pending(sweep.ledger))
    time.sleep(0.2)
    assert len([record for record in caplog.records if "unreachable" in record.message]) == 1
    server.unreachable = False
    wait_for(lambda: pending(sweep.ledger) == "")
    assert len(server.runs) == 4
    assert thread.close(20).complete


@pytest.mark.usefixtures("no_pictures")
def test_a_server_that_stays_away_is_told_at_the_end_and_filled_by_the_next_start(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer(unreachable=True)
    sweep.complete()
    thread = MirrorThread(mirror_to(server, sweep), pause_seconds=0.01)
    arrival = thread.close(20)
    assert not arrival.complete
    assert "unreachable" in arrival.message
    assert "unreachable" in pending(sweep.ledger)
    server.unreachable = False
    assert MirrorThread(mirror_to(server, sweep)).close(20).complete
    assert len(server.runs) == 4
    assert pending(sweep.ledger) == ""


@pytest.mark.usefixtures("no_pictures")
def test_a_server_that_comes_back_empty_is_filled_anew(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    row, _ = sweep.complete()
    mirror = mirror_to(server, sweep)
    mirror.sync()
    expected = state_of(server)
    server.unreachable = True
    sweep.end(row, "failed", "later")
    with pytest.raises(TrackingError):
        mirror.sync()
    server.unreachable = False
    server.runs.clear()
    mirror.sync()
    assert [run["key"] for run in state_of(server)] == [run["key"] for run in expected]


def test_a_fault_in_the_mirror_does_not_end_the_driver(tmp_path: Path) -> None:
    sweep = SmallSweep(tmp_path)
    sweep.complete()

    def broken() -> MemoryTracker:
        raise RuntimeError("a bug")

    arrival = MirrorThread(Mirror(broken, sweep.store, sweep.ledger)).close(20)
    assert "RuntimeError: a bug" in arrival.message


class SlowTracker(MemoryTracker):
    """Takes a while for every update."""

    def apply(self, update: RunUpdate) -> None:
        time.sleep(0.3)
        super().apply(update)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("patient", "stopped", "complete"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_a_slow_server_is_waited_for_as_long_as_it_takes_something(
    tmp_path: Path, patient: bool, stopped: bool, complete: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    sweep.complete()
    identity = sweep_identity(sweep.ledger.definition())
    mirror = Mirror(lambda: SlowTracker(identity, server), sweep.store, sweep.ledger)
    thread = MirrorThread(mirror, pause_seconds=0.01)
    arrival = thread.close(0.8, patient=patient, stop=lambda: stopped)  # there are four runs
    assert arrival.complete == complete
    assert (len(server.runs) == 4) == complete
    assert ("next start sends the rest" in arrival.message) == (not complete)
    assert (pending(sweep.ledger) == "") == complete
    assert caplog.records == []


@pytest.mark.usefixtures("no_pictures")
def test_a_sync_tells_how_far_it_is(tmp_path: Path) -> None:
    sweep, server = SmallSweep(tmp_path), MemoryServer()
    told: list[Sent] = []
    sweep.complete()
    identity = sweep_identity(sweep.ledger.definition())
    mirror = Mirror(lambda: MemoryTracker(identity, server), sweep.store, sweep.ledger, on_sent=told.append)
    mirror.sync()
    assert [each.done for each in told] == list(range(1, len(told) + 1))
    assert told[-1].done == told[-1].of >= 4
