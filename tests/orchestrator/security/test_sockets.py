"""What a running sweep listens on."""

from __future__ import annotations

import shutil
import tempfile
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import psutil
import pytest

from benchmarks.sleeping import make, sweep
from orchestrator.executors.ray import RayExecutor
from orchestrator.sweep.driver import SweepDriver
from orchestrator.sweep.launch import Launch, run_sweep
from orchestrator.sweep.reconcile import Reconciler
from search_spaces.overrides import Overrides
from tests.orchestrator.sweep.tiny import Watcher

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]


class Ears(Watcher):
    """Notes where this process and its descendants listen while trials run."""

    def __init__(self) -> None:
        super().__init__()
        self.listening: set[tuple[str, str]] = set()

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            for each in process.net_connections("inet"):
                if each.status == psutil.CONN_LISTEN:
                    self.listening.add((process.name(), each.laddr.ip))


def is_loopback(text: str) -> bool:
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def test_nothing_of_a_sweep_listens_beyond_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))
    wanted = sweep(trials=2, epochs=2)
    launch = Launch(sweep=wanted, overrides=Overrides(), name="sleeping", storage=tmp_path, concurrent=2)
    executor, ears = RayExecutor(make_trial=make(0.2)), Ears()
    try:
        assert run_sweep(launch, executor, [ears]).finished
    finally:
        executor.close()
        shutil.rmtree(folder, ignore_errors=True)
    assert any(name.startswith("raylet") for name, _ in ears.listening)
    assert {(name, ip) for name, ip in ears.listening if not is_loopback(ip)} == set()
