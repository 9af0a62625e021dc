"""A sweep whose storage is a bucket, by the real command line, killed in the middle and looked at from elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.storage.s3_server import ENVIRONMENT, environment, new_bucket, serving
from tests.orchestrator.sweep.tiny import outcome

ROOT = Path(__file__).resolve().parents[3]
SPACE = """
from dataclasses import replace
from tests.orchestrator.sweep.tiny import SWEEP
sweep = replace(SWEEP, trials=3)
"""


class Machine:
    """A folder for copies, and the command line with it: what one machine knows of a bucket."""

    def __init__(self, folder: Path, storage: str, server: str) -> None:
        self.cache = folder
        self.storage = storage
        self.space = folder / "tiny.py"
        folder.mkdir()
        self.space.write_text(SPACE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_"))}
        self.environment = {
            **kept,
            **environment(server),
            "ORCHESTRATOR_CACHE": str(folder),
            "ORCHESTRATOR_STORAGE": storage,
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self.cache,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=240)
        assert process.returncode == code, said
        return said

    def sweep(self) -> tuple[str, ...]:
        return ("sweep", str(self.space), "--inline", "--quiet")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def machine(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The one that ran the sweep; its driver was killed once."""
    folder = tmp_path_factory.mktemp("bucket")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(server).items():
            patch.setenv(name, value)
        patch.setenv("ORCHESTRATOR_CACHE", str(folder / "test"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        found = Machine(folder / "one", f"s3://{new_bucket()}/xray", server)
        killed = found.start(*found.sweep())
        deadline = time.monotonic() + 120
        while len(Store(found.storage).keys("network")) < 1:
            assert killed.poll() is None, killed.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert Ledger(found.storage, "tiny").state() == "interrupted"
        found.call(*found.sweep())
        yield found


@pytest.fixture
def elsewhere(machine: Machine, server: str, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "two", machine.storage, server)


def test_the_resumed_sweep_equals_one_in_a_folder(machine: Machine, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "orchestrator", *machine.sweep(), "--storage", str(tmp_path / "runs")],
        cwd=tmp_path,
        env=machine.environment,
        check=True,
        capture_output=True,
    )
    assert outcome(machine.storage) == outcome(tmp_path / "runs")


def test_nothing_was_trained_twice_and_no_file_is_damaged(machine: Machine) -> None:
    assert json.loads(machine.call("audit", "--json"))["ok"]
    store = Store(machine.storage)
    keys = [key for kind in ("network", "temperature", "ensemble") for key in store.keys(kind)]
    assert len(keys) >= 6
    assert [store.damaged(key) for key in keys] == [[]] * len(keys)


def test_the_same_command_once_more_computes_nothing(machine: Machine) -> None:
    before = outcome(machine.storage)
    machine.call(*machine.sweep())
    assert outcome(machine.storage) == before


def test_after_gc_nothing_is_missing_and_less_lies_there(machine: Machine) -> None:
    before = outcome(machine.storage)
    said = json.loads(machine.call("gc", "tiny", "--json"))
    assert said["bytes_freed"] > 0
    again = json.loads(machine.call("gc", "tiny", "--json"))
    assert again["bytes_freed"] == 0
    assert abs(again["bytes_before"] - said["bytes_after"]) < 40 * len(said["thinned"])
    machine.call(*machine.sweep())
    assert outcome(machine.storage) == before
    assert json.loads(machine.call("audit", "--contents", "--json"))["ok"]


def test_another_machine_sees_the_same(machine: Machine, elsewhere: Machine) -> None:
    def seen(by: Machine, *arguments: str) -> Any:
        return json.loads(by.call(*arguments, "--json"))

    for arguments in (("status",), ("results", "tiny")):
        assert seen(elsewhere, *arguments) == seen(machine, *arguments)
    assert seen(elsewhere, "status")["sweeps"][0]["state"] == "finished"
    pages = [Path(seen(each, "report", "tiny")["path"]).read_text() for each in (machine, elsewhere)]
    assert _without_time(pages[0]) == _without_time(pages[1])


def test_the_audit_elsewhere_leaves_the_runs_unchecked_and_says_so(elsewhere: Machine) -> None:
    said = elsewhere.call("audit")
    assert "nothing to complain of" in said
    assert "MLFLOW_TRACKING_URI" in said


def test_no_credential_is_told_or_stored(machine: Machine) -> None:
    texts = [machine.call("status"), machine.call("show", "trial-0000")]
    files = [path.read_bytes() for path in machine.cache.rglob("*") if path.is_file()]
    secrets = [ENVIRONMENT[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    assert not any(secret in text for secret in secrets for text in texts)
    assert not any(secret.encode() in content for secret in secrets for content in files)


def _without_time(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "written" not in line.lower())
