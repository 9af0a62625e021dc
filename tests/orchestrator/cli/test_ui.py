"""The MLflow pages: on loopback alone, ended with their process, no call to the outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.orchestrator.cli.program import ROOT, orchestrator, refusal
from tests.orchestrator.tracking.servers import free_port


def wait_for(url: str, process: subprocess.Popen[bytes]) -> bytes:
    for _ in range(600):
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            time.sleep(0.2)
    raise AssertionError("no page within two minutes")


def descendants(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@pytest.mark.slow
def test_ui_serves_its_pages_on_loopback_alone_and_ends_with_its_process(finished: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "orchestrator", "ui", "--storage", str(finished), "--port", str(port)]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **silent)  # type: ignore[call-overload]
    family: list[psutil.Process] = []
    try:
        assert b"<title>MLflow</title>" in wait_for(f"http://127.0.0.1:{port}/", process)
        search = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search",
            data=b'{"max_results": 10}',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(search, timeout=10) as answer:
            assert b'"tiny"' in answer.read()
        family = descendants(process.pid)
        for each in family:
            for connection in each.net_connections("inet"):
                assert connection.laddr.ip == "127.0.0.1", connection
                assert not connection.raddr or connection.raddr.ip == "127.0.0.1", connection
            assert each.environ()["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert f"--port {port}: something listens there already" in refusal("ui", "--storage", finished, "--port", port)
        os.kill(process.pid, signal.SIGTERM)
        process.wait(30)
        assert psutil.wait_procs(family, timeout=30)[1] == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_used_port_is_refused(finished: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        error = refusal("ui", "--storage", finished, "--port", port)
    assert f"--port {port}: something listens there already. Choose another port." in error


def test_a_tracking_server_of_ones_own_is_named_without_its_password(finished: Path) -> None:
    said = orchestrator("ui", "--storage", finished, env={"MLFLOW_TRACKING_URI": "https://me:secret@runs.example"})
    assert said.code == 0
    assert "https://me@runs.example" in said.out
