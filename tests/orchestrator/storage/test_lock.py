import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import SweepLocked
from orchestrator.storage.lock import SweepLock, holder_of

HOLD = """
import sys, time
from pathlib import Path
from orchestrator.storage.lock import SweepLock
lock = SweepLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_driver_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(SweepLocked, match=f"process {process.pid}.*orchestrator stop demo"):
            SweepLock(path).acquire()
        holder = holder_of(path)
        assert holder is not None
        assert holder["pid"] == process.pid
    finally:
        process.kill()
        process.wait()
    assert holder_of(path) is None
    with SweepLock(path):
        pass


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    for _ in range(2):
        with SweepLock(path):
            assert holder_of(path) is not None
    assert holder_of(path) is None


def test_nobody_holds_a_lock_that_was_never_made(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "lock") is None
