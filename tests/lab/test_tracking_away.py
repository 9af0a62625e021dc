"""A real MLflow server that is killed while a sweep writes to it, and comes back: during the sweep, or only after it.

It is away for ORCHESTRATOR_LAB_AWAY_SECONDS, and for as long as it takes to start: 10 by default, where an operator would
need minutes; 300 can be had with more epochs.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

import pytest

from tests.lab.hosts import Host, Lab
from tests.lab.sweeps import LabSweep, Start, assert_sound

AWAY_SECONDS = float(os.environ.get("ORCHESTRATOR_LAB_AWAY_SECONDS", "10"))
pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200 + 10 * AWAY_SECONDS)]
ENOUGH_EPOCHS = 50 + int(3 * AWAY_SECONDS)
ADDRESS = "http://127.0.0.1:5000"
SERVER = (
    "exec mlflow server --host 127.0.0.1 --port 5000 --workers 1 --backend-store-uri sqlite:///$HOME/mlflow.db "
    "--artifacts-destination $HOME/mlartifacts"
)


@pytest.fixture
def host(lab: Lab) -> Host:
    made = lab.add(1)
    start_server(made)
    return made


def start_server(host: Host) -> None:
    host.start(SERVER, host.folder / "server.log")
    wait = f"for i in $(seq 600); do curl -fs {ADDRESS}/health > /dev/null && exit 0; sleep 0.2; done; exit 1"
    host.run(f"bash -c '{wait}'", timeout=150)


def kill_server(host: Host) -> None:
    for process in host.processes("mlflow"):
        if "mlflow server" in " ".join(process.cmdline()) or "uvicorn" in " ".join(process.cmdline()):
            process.kill()
    for process in host.processes("mlflow.server"):
        process.kill()
    assert host.run(f"curl -fs {ADDRESS}/health", check=False).returncode != 0


def sweep_on(host: Host, lab: Lab) -> LabSweep:
    return LabSweep(host, lab.shared, "tracked", env={"MLFLOW_TRACKING_URI": ADDRESS})


def runs_of(host: Host) -> list[str]:
    """Keys that the server's runs have, read from its database."""
    query = "select value from tags where key = 'orchestrator.key'"
    with closing(sqlite3.connect(host.folder / "root" / "mlflow.db")) as database:
        return [str(value) for (value,) in database.execute(query)]


def killed_after(start: Start, sweep: LabSweep, host: Host, epochs: int) -> float:
    start.until(lambda: sweep.epochs() >= epochs and runs_of(host))
    kill_server(host)
    return time.monotonic()


def test_a_server_that_is_away_for_a_while_has_everything_at_the_end(lab: Lab, host: Host) -> None:
    sweep = sweep_on(host, lab)
    start = sweep.start("--inline", f"--set schedule/epochs={ENOUGH_EPOCHS}")
    lost = killed_after(start, sweep, host, epochs=3)
    at = sweep.epochs()
    time.sleep(AWAY_SECONDS)
    start_server(host)
    print(
        f"\n  MLflow killed after {at} epochs, back {time.monotonic() - lost:.0f} s later, at {sweep.epochs()} epochs",
        end=";",
    )
    assert start.process.poll() is None, "the sweep was over before the server was back: raise ENOUGH_EPOCHS"
    assert start.wait(400 + 5 * AWAY_SECONDS) == 0, start.said
    print(f" whole sweep {start.seconds:.0f} s")
    assert "is back and has everything" in start.said
    assert sweep.audit()["ok"]
    keys = runs_of(host)
    assert len(keys) == len(set(keys)) == 4


def test_a_server_that_comes_back_after_the_sweep_is_filled_by_the_same_command(
    lab: Lab, host: Host, calm: LabSweep
) -> None:
    sweep = sweep_on(host, lab)
    start = sweep.start("--inline")
    killed_after(start, sweep, host, epochs=3)
    assert start.wait() == 0, start.said
    assert "Nothing is lost" in start.said
    start_server(host)
    again = sweep.start("--inline")
    assert again.wait() == 0, again.said
    print(f"\n  MLflow away to the end; the same command filled it in {again.seconds:.0f} s")
    assert_sound(sweep, calm)
    keys = runs_of(host)
    assert len(keys) == len(set(keys))
