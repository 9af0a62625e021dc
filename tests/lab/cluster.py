"""A Ray cluster on the lab's hosts, and the real commands on it: h1 is the head and drives, the others work."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.lab.hosts import SHARED, Host, Lab

HEAD = 1
RAY_PORT = 6379
# Ray chooses these at random otherwise, at times inside the range of its workers' ports (10002 to 19999).
PORTS = {
    "node-manager-port": 20001,
    "object-manager-port": 20002,
    "dashboard-agent-listen-port": 20003,
    "dashboard-agent-grpc-port": 20004,
    "runtime-env-agent-port": 20005,
    "metrics-export-port": 20006,
}
ATTEMPTS = 3
"""Ray gives its agents 15 s to start, which a busy machine does not always manage."""
OBJECT_STORE_BYTES = 100_000_000
NAME = "lab"
TRIALS, EPOCHS = 3, 10

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
        Evaluation(), Temperature(), Laplace(hessian_structure="diag"), Aopc(images=20, cells=4),
        Ensemble(members="top", size=2),
    ),
)
"""


@dataclass
class Cluster:
    """Ray on hosts of a lab.

    Attributes:
        workers: numbers of the hosts that work.
        cpus: that Ray thinks each of them has.
        env: further variables for everything that is started.
    """

    lab: Lab
    workers: Sequence[int] = (2, 3)
    cpus: int = 2
    env: dict[str, str] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storage = self.lab.shared / "runs"
        (self.lab.shared / "lab_space.py").write_text(SPACE)
        for number in (HEAD, *self.workers):
            self.lab.add(number)
        self.start_head()
        for number in self.workers:
            self.start_worker(number)

    @property
    def head(self) -> Host:
        """The host of the driver."""
        return self.lab.hosts[HEAD]

    def start_head(self, *options: str) -> None:
        """Ray's head, without CPUs of its own."""
        self._start_ray(self.head, "--head", f"--port={RAY_PORT}", "--num-cpus=0", "--include-dashboard=false", *options)

    def start_worker(self, number: int) -> None:
        """Ray on a further host."""
        self._start_ray(self.lab.hosts[number], f"--address={self.head.address}:{RAY_PORT}", f"--num-cpus={self.cpus}")

    def _start_ray(self, host: Host, *options: str) -> None:
        ports = [f"--{name}={port}" for name, port in PORTS.items()]
        common = [f"--node-ip-address={host.address}", f"--object-store-memory={OBJECT_STORE_BYTES}", *ports]
        for left in reversed(range(ATTEMPTS)):
            said = host.run(" ".join(["ray start", *options, *common]), timeout=120, check=not left, env=self.env)
            if said.returncode == 0:
                return
            host.run("ray stop --force", check=False)  # of this host alone, which has processes of its own

    def sweep(self, *options: str) -> Start:
        """The sweep command on the head, with what it says in a file."""
        command = " ".join(["orchestrator sweep /mnt/shared/lab_space.py --address auto --quiet", *options])
        log = self.lab.folder / f"sweep-{len(self.starts)}.log"
        begun = Start(self.head.start(command, log, env=self.env), log)
        self.starts.append(begun)
        return begun

    def orchestrator(self, command: str, *, check: bool = True, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A command of ours on the head that ends by itself."""
        return self.head.run(f"orchestrator {command}", check=check, timeout=timeout, env=self.env)

    def audit(self) -> dict[str, Any]:
        """What `orchestrator audit --json` says."""
        said = self.orchestrator(f"audit {NAME} --json", check=False)
        assert said.returncode in (0, 1), said.stdout + said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        assert said.returncode == (0 if found["ok"] else 1)
        return found

    def living_nodes(self) -> list[str]:
        """Names of the hosts that Ray takes for alive."""
        code = "import ray; ray.init(address='auto', logging_level='ERROR', log_to_driver=False); "
        code += "print('nodes:', *[n['NodeManagerHostname'] for n in ray.nodes() if n['Alive']])"
        said = self.head.run(f'python -c "{code}"', env=self.env).stdout
        return sorted(said.rsplit("nodes:", 1)[1].split())

    def begun_on(self, kind: str, *, open_only: bool = True) -> dict[str, str]:
        """Attempts at artifacts of a kind: folder to name of the host, those that are not committed by default."""
        found = {}
        for path in (self.storage / "artifacts" / kind).rglob("started.json"):
            if not (open_only and (path.parent.parent / "manifest.json").exists()):
                try:
                    found[str(path.parent)] = str(json.loads(path.read_text())["host"])
                except (OSError, ValueError):
                    continue
        return found

    def epochs(self) -> int:
        """Committed epochs of all trials."""
        return sum(1 for _ in (self.storage / "artifacts" / "fit").rglob("manifest.json"))

    def tensors(self) -> dict[str, str]:
        """Hash of every file of weights, logits and other tensors, by key and name."""
        store, found = Store(self.storage), {}
        for kind in (path.name for path in (self.storage / "artifacts").iterdir()):
            for key in store.keys(kind):
                files = store.manifest(key).files.items()
                found |= {f"{key}/{name}": str(entry["sha256"]) for name, entry in files if name.endswith(".safetensors")}
        return found

    def rows(self) -> list[tuple[Any, ...]]:
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

    def wait(self, seconds: float = 240.0) -> int:
        """Its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s:\n{self.said}") from None

    def wait_until(self, happened: Callable[[], Any], seconds: float = 120.0) -> Any:
        """Until something is so, and what it is; an early end of the command is an error."""
        deadline = time.monotonic() + seconds
        while not (what := happened()):
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, f"did not happen within {seconds} s:\n{self.said}"
            time.sleep(0.05)
        return what
