"""The real command line as processes that can be killed: with Ray, MLflow and folders of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store

ROOT = Path(__file__).resolve().parents[3]
NAME = "hit"
TRIALS, EPOCHS, SEEDS = 5, 8, 2

SPACE = f"""
from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Aopc, Ensemble, Evaluation, Laplace, Optimizer, Schedule, SmallCNN, Split, Synthetic, Temperature, TrialSpec
)

def space(trial):
    return TrialSpec(
        data=Synthetic(images=960, size=64, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(8, 16, 32), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)),
        schedule=Schedule(epochs={EPOCHS}, batch_size=16),
    )

sweep = Sweep(
    name="{NAME}",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="random",
    trials={TRIALS},
    scheduler=Asha(grace_epochs=4, reduction_factor=2),
    member_seeds={SEEDS},
    posthoc=(
        Evaluation(), Temperature(), Laplace(hessian_structure="diag"), Aopc(images=40, cells=6),
        Ensemble(members="seeds", size=3), Ensemble(members="top", size=2),
    ),
)
"""


@dataclass
class Sandbox:
    """A storage folder, a space file, and a short folder for Ray, by which its processes are told from all others."""

    folder: Path
    starts: list[Start] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.storage = self.folder / "runs"
        self.space = self.folder / "hit.py"
        self.space.write_text(SPACE)
        self.temporary = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))

    def environment(self) -> dict[str, str]:
        """Ray's and Tune's temporary files go into our own folder, and workers import this tree."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "RAY_"))}
        own = {"RAY_TMPDIR": str(self.temporary), "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        return {**kept, **own}

    def start(self, *options: str) -> Start:
        """The sweep command in a session of its own, with what it says in a file."""
        begun = Start(self, ("sweep", str(self.space), "--storage", str(self.storage), *options))
        self.starts.append(begun)
        return begun

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *arguments, "--storage", str(self.storage)],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def processes(self) -> list[psutil.Process]:
        """Everything that lives with our folder for Ray in its environment."""
        mark = str(self.temporary)
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("RAY_TMPDIR") == mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def committed(self) -> int:
        """How many artifacts and epochs are there."""
        return sum(1 for _ in (self.storage / "artifacts").rglob("manifest.json"))

    def moment(self) -> str:
        """Where the sweep is, for people."""
        rows = Ledger(self.storage, NAME).rows()
        trials = [row for row in rows if row.kind == "trial"]
        ended = sum(row.state != "running" for row in trials)
        members = sum(row.kind == "member" for row in rows)
        epochs = sum(1 for _ in (self.storage / "artifacts" / "fit").rglob("manifest.json"))
        everything = self.committed()
        return f"{ended}/{len(trials)} trials ended, {members} members, {epochs} epochs, {everything} artifacts"

    def weights(self) -> dict[str, str]:
        """Hash of every network's weights."""
        store = Store(self.storage)
        return {key: str(store.manifest(key).files["weights.safetensors"]["sha256"]) for key in store.keys("network")}

    def doubled_runs(self) -> list[str]:
        """Keys that several MLflow runs have, read from the database itself."""
        query = "select value from tags where key = 'orchestrator.key' group by value having count(*) > 1"
        with closing(sqlite3.connect(self.storage / "mlflow.db")) as database:
            return [str(value) for (value,) in database.execute(query)]

    def audit(self) -> dict[str, Any]:
        """What `orchestrator audit --json` says."""
        said = self.call("audit", NAME, "--json")
        found: dict[str, Any] = json.loads(said.stdout)
        assert said.returncode == (0 if found["ok"] else 1)
        return found

    def close(self) -> None:
        """End what was started, by its number, and remove Ray's folder."""
        for start in self.starts:
            if start.process.poll() is None:
                start.kill()
        for process in self.processes():
            process.kill()
        shutil.rmtree(self.temporary, ignore_errors=True)


class Start:
    """One start of the sweep command."""

    def __init__(self, sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
        self.sandbox = sandbox
        self.since = time.time()
        self.log = sandbox.folder / f"start-{len(sandbox.starts)}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *arguments],
                cwd=ROOT,
                env=sandbox.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """kill -9 of the driver and its process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def signal_group(self, number: signal.Signals) -> None:
        """As a terminal does it at Ctrl-C."""
        os.killpg(self.process.pid, number)

    def wait(self, seconds: float = 480.0) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def wait_until(self, happened: Callable[[], bool], seconds: float = 120.0) -> None:
        """Until something is so; an early end of the command is an error."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, f"did not happen within {seconds} s:\n{self.said}"
            time.sleep(0.02)

    def wait_for(self, artifacts: int) -> None:
        """Until so many artifacts and epochs are committed."""
        self.wait_until(lambda: self.sandbox.committed() >= artifacts)


def seconds_until(happened: Callable[[], bool], seconds: float = 30.0) -> float:
    """How long something took to become so.

    Raises:
        AssertionError: longer than `seconds`.
    """
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, f"did not happen within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended."""
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
