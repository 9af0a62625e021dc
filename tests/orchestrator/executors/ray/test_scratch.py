import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.executors.ray import scratch
from orchestrator.executors.ray.scratch import Scratch

HOLD = """
import sys, time
from pathlib import Path
from orchestrator.executors.ray.scratch import Scratch
held = Scratch(Path(sys.argv[1]))
print(held.folder, flush=True)
time.sleep(60)
"""


def aged(folder: Path) -> None:
    """As if it was made a minute ago."""
    past = time.time() - 60
    os.utime(folder / scratch.LOCK, (past, past))


def test_a_folder_is_gone_when_it_is_removed(tmp_path: Path) -> None:
    made = Scratch(tmp_path)
    assert made.folder.is_dir()
    made.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_driver_is_removed_by_a_later_one_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    aged(left)
    try:
        Scratch(tmp_path).remove()
        assert left.is_dir()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    aged(left)
    Scratch(tmp_path).remove()
    assert not left.exists()


def test_what_has_no_lock_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f"{scratch.PREFIX}of-somebody"
    other.mkdir()
    Scratch(tmp_path).remove()
    assert other.is_dir()
