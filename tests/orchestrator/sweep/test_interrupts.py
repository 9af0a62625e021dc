import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.interrupts import Interrupts
from orchestrator.sweep.launch import run_sweep
from tests.orchestrator.sweep.tiny import Watcher, launch, start

TWICE = """
import os, signal, time
from orchestrator.sweep.interrupts import Interrupts
with Interrupts(own_process=True) as interrupts:
    interrupts.on_first(lambda: print("first", flush=True))
    for _ in range(2):
        os.kill(os.getpid(), signal.{name})
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_there_is_a_driver_the_first_signal_ends_the_command(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_tells_the_driver_and_the_second_ends_a_notebooks_cell(number: signal.Signals) -> None:
    calls: list[str] = []
    with Interrupts() as interrupts:
        interrupts.on_first(lambda: calls.append("told"))
        signal.raise_signal(number)
        assert calls == ["told"]
        assert interrupts.seen
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert calls == ["told"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_second_signal_ends_a_process_of_its_own_at_once(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE.format(name=name)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 130
    assert done.stdout == "first\n"
    assert "Ended at once" in done.stderr


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        interrupts.install()
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    found: list[object] = []

    def run() -> None:
        with Interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]


@dataclass
class SignalsWhileDecoding(Watcher):
    """Sends Ctrl-C at the first image that is ready."""

    decoded: int = 0

    def decoding(self, done: int, total: int) -> None:
        self.decoded += 1
        if self.decoded == 1:
            signal.raise_signal(signal.SIGINT)

    def data_ready(self, text: str) -> None:
        pass


def test_a_signal_ends_the_decoding_of_images_and_the_next_start_does_it_anew(tmp_path: Path) -> None:
    watcher = SignalsWhileDecoding()
    ended = run_sweep(launch(tmp_path), InlineExecutor(), [watcher])
    assert not ended.finished
    assert ended.left == 4
    assert watcher.decoded == 1
    assert Ledger(tmp_path, "tiny").state() == "interrupted"
    assert start(tmp_path, trials=4).finished
