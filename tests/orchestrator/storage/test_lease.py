"""The lock of a sweep in a bucket: one holder, and none that is dead or cut off."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import StorageError, SweepLocked
from orchestrator.storage import lease as leases
from orchestrator.storage.address import bucket_address
from orchestrator.storage.lease import Lease, living
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.objects import Objects

HOLD = """
import sys, time
from orchestrator.storage.ledger import Ledger
Ledger(sys.argv[1], "demo").lock.acquire()
print("held", flush=True)
time.sleep(60)
"""
NAME = "sweeps/demo/lock"


@pytest.fixture
def objects(bucket: str) -> Objects:
    return Objects(bucket_address(bucket))


def short(objects: Objects, seconds: float = 3.0, renewed: float = 0.1) -> Lease:
    return Lease(objects, NAME, "The sweep demo", lease_seconds=seconds, renewed_seconds=renewed)


def test_a_second_driver_is_told_who_holds_it_and_a_killed_one_of_this_machine_holds_nothing(bucket: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, bucket], stdout=subprocess.PIPE, text=True)
    ledger = Ledger(bucket, "demo")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(SweepLocked, match=f"process {process.pid} on .* 60 seconds after its last sign of life"):
            ledger.lock.acquire()
        assert ledger.state() == "running"
        assert (ledger.holder() or {})["pid"] == process.pid
    finally:
        process.kill()
        process.wait()
    assert ledger.holder() is None
    assert ledger.state() == "interrupted"
    with ledger.lock:
        assert ledger.state() == "running"
    assert ledger.holder() is None


def test_of_many_drivers_at_once_exactly_one_gets_it(objects: Objects) -> None:
    def take(lease: Lease) -> bool:
        try:
            lease.acquire()
        except SweepLocked:
            return False
        return True

    drivers = [short(objects) for _ in range(8)]
    for _ in range(2):  # a free lock, then one that was let go
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(take, drivers))
        assert sum(taken) == 1
        drivers[taken.index(True)].release()


def test_the_lock_of_a_machine_that_is_gone_ends_with_its_lease(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = short(objects, seconds=2.0, renewed=60.0)
    gone.acquire()
    monkeypatch.setattr(leases, "_machine", lambda: "another machine")  # so that nobody can look for its process
    with pytest.raises(SweepLocked):
        short(objects).acquire()
    begun = time.monotonic()
    successor = short(objects)
    successor.wait(poll_seconds=0.1)
    assert time.monotonic() - begun < 6
    with pytest.raises(SweepLocked, match="not held by this process any more"):
        gone.require()
    gone.release()  # does not take it from the successor
    assert living(objects.get(NAME)) is not None
    successor.release()


def test_a_lock_that_is_renewed_outlives_its_lease(objects: Objects) -> None:
    with short(objects, seconds=2.0) as held:
        time.sleep(4)
        held.require()
        assert living(objects.get(NAME)) is not None


def test_a_driver_whose_lock_was_taken_writes_no_row(bucket: str, objects: Objects) -> None:
    ledger = Ledger(bucket, "demo")
    ledger.lock = short(objects)
    with ledger.lock:
        ledger.write_outcome("running")
        objects.put(NAME, b'{"released": false, "lease_seconds": 60, "pid": 1, "host": "other", "machine": "other"}')
        time.sleep(1)
        before = objects.get("sweeps/demo/outcome.json")
        with pytest.raises(SweepLocked, match=r"another process has taken it\. It writes nothing"):
            ledger.write_outcome("finished")
        assert before is not None
        assert b"running" in before.data
    assert b'"other"' in (objects.get(NAME) or pytest.fail("the other's lock is gone")).data


def test_a_driver_that_cannot_reach_the_bucket_stops_before_others_may_begin(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = short(objects, seconds=2.0)
    held.acquire()

    def away(*_: object) -> None:
        raise StorageError("away")

    with monkeypatch.context() as patch:
        patch.setattr(objects, "put_over", away)
        time.sleep(1.7)
        with pytest.raises(SweepLocked, match="could not be reached for"):
            held.require()
    held.release()


def test_builders_take_turns(bucket: str, tmp_path: Path) -> None:
    from orchestrator.storage.store import Store

    inside: list[int] = []

    def build(number: int) -> None:
        with Store(bucket).turn("data-1"):
            inside.append(number)
            time.sleep(0.02)
            assert inside[-1] == number

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(build, range(3)))
    assert sorted(inside) == [0, 1, 2]
