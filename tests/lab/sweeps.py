"""A sweep on a cluster of the lab: the real commands on its head, and what they leave in the shared storage."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.lab.hosts import SHARED, Host

NAME = "lab"
TRIALS, EPOCHS = 2, 10

SPACE = f"""
from search_spaces.objective import Objective
from search_spaces.sweep import Sweep
from trainables.spec import (
    Aopc, Ensemble, Evaluation, Laplace, Optimizer, Schedule, SmallCNN, Split, Synthetic, Temperature, TrialSpec
)

def space(trial):
    return TrialSpec(
        data=Synthetic(images=960, size=32, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(8, 16, 32), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)),
        schedule=Schedule(epochs={EPOCHS}, batch_size=8),
    )

sweep = Sweep(
    name="{NAME}",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    searcher="random",
    trials={TRIALS},
    member_seeds=0,
    posthoc=(
        Evaluation(), Temperature(), Laplace(hessian_structure="diag"), Aopc(images=60, cells=6),
        Ensemble(members="top", size=2),
    ),
)
"""


@dataclass
class LabSweep:
    """A sweep in a storage folder of its own.

    Attributes:
        host: where the commands run.
        shared: the shared folder, as the outer machine sees it.
        folder: name of the storage folder in it.
        env: further variables.
    """

    host: Host
    shared: Path
    folder: str
    env: dict[str, str] = field(default_factory=dict)
    starts: int = 0

    def __post_init__(self) -> None:
        self.storage = self.shared / self.folder
        (self.shared / "lab_space.py").write_text(SPACE)
        self.env = {"ORCHESTRATOR_STORAGE": str(SHARED / self.folder), **self.env}

    def start(self, *options: str) -> Start:
        """The sweep command, with what it says in a file."""
        self.starts += 1
        log = self.shared / f"{self.folder}-{self.starts}.log"
        command = " ".join([f"exec orchestrator sweep {SHARED}/lab_space.py --quiet", *options])
        return Start(self.host.start(command, log, env=self.env), log)

    def call(self, command: str, *, check: bool = True, timeout: float = 180.0) -> subprocess.CompletedProcess[str]:
        """A command of ours that ends by itself."""
        return self.host.run(f"orchestrator {command}", check=check, timeout=timeout, env=self.env)

    def audit(self) -> dict[str, Any]:
        """What `orchestrator audit --json` says."""
        said = self.call(f"audit {NAME} --json", check=False)
        assert said.returncode in (0, 1), said.stdout + said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        assert said.returncode == (0 if found["ok"] else 1)
        return found

    def attempts(self, *kinds: str, open_only: bool = True) -> dict[Path, dict[str, Any]]:
        """Attempts at artifacts of some kinds: `{"started_at", "host", "pid"}` by folder."""
        found = {}
        for kind in kinds:
            for path in (self.storage / "artifacts" / kind).rglob("started.json"):
                if open_only and (path.parent.parent / "manifest.json").exists():
                    continue
                try:
                    found[path.parent] = json.loads(path.read_text())
                except (OSError, ValueError):
                    continue
        return found

    def epochs(self) -> int:
        """Committed epochs of all trials."""
        return sum(1 for _ in (self.storage / "artifacts" / "fit").rglob("manifest.json"))

    def tensors(self) -> dict[str, str]:
        """Digest of every file of weights, logits and other tensors, by key and name."""
        store, found = Store(self.storage), {}
        for kind in (path.name for path in (self.storage / "artifacts").iterdir()):
            for key in store.keys(kind):
                for path in store.folder(key).glob("*.safetensors"):
                    found[f"{key}/{path.name}"] = digest(path)
        return found

    def table(self) -> list[tuple[Any, ...]]:
        """The results table without times."""
        return [
            (row.name, row.state, row.key, row.params, [(report.epoch, report.metrics) for report in row.reports])
            for row in Ledger(self.storage, NAME).rows()
        ]


@dataclass
class Start:
    """One start of the sweep command."""

    process: subprocess.Popen[bytes]
    log: Path
    begun: float = field(default_factory=time.monotonic)

    @property
    def said(self) -> str:
        """Everything that it has printed."""
        return self.log.read_text()

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.begun

    def wait(self, seconds: float = 400.0) -> int:
        """Its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s:\n{self.said}") from None

    def until(self, happened: Callable[[], Any], seconds: float = 200.0) -> Any:
        """Wait until something is so, and return what it is; an early end of the command is an error."""
        deadline = time.monotonic() + seconds
        while not (what := happened()):
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, f"did not happen within {seconds} s:\n{self.said}"
            time.sleep(0.05)
        return what


def digest(path: Path) -> str:
    """Of all bits of a file's tensors and of what it says about them; the order in which that is said is chance."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True)
    return hashlib.sha256(header.encode() + content[8 + length :]).hexdigest()


def assert_sound(sweep: LabSweep, calm: LabSweep) -> None:
    """Audited clean, nothing computed twice, and bit for bit what an undisturbed sweep has: all of it."""
    found = sweep.audit()
    assert found["ok"], found
    here, there = sweep.tensors(), calm.tensors()
    assert set(here) == set(there)
    assert here == there
    assert sweep.table() == calm.table()
    print(f"  audit clean; {len(here)} files of tensors and the results table as in the calm sweep, bit for bit")
