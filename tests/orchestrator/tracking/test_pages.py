"""MLflow's own pages in a real browser, as `orchestrator ui` names them: what a user sees who has set nothing up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.tracking.mlflow import open_tracker
from orchestrator.tracking.protocol import RunRecord
from tests.orchestrator.cli.program import ROOT, orchestrator
from tests.orchestrator.cli.test_ui import wait_for
from tests.orchestrator.tracking.browser import Browser, open_browser
from tests.orchestrator.tracking.servers import free_port

pytestmark = pytest.mark.slow

SPACE = """
from search_spaces.objective import Objective
from search_spaces.sweep import Sweep
from trainables.spec import (
    Aopc, Ensemble, Evaluation, Optimizer, Schedule, SmallCNN, Synthetic, Temperature, TrialSpec,
)


def space(trial):
    return TrialSpec(
        data=Synthetic(images=96, size=32),
        model=SmallCNN(widths=(8, 16), dropout=trial.suggest_float("dropout", 0.0, 0.4)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True)),
        schedule=Schedule(epochs=3, batch_size=16),
    )


sweep = Sweep(
    name="chest",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    trials=4,
    member_seeds=1,
    posthoc=(Evaluation(), Temperature(), Aopc(images=4, cells=4), Ensemble(members="seeds", size=2)),
)
"""
# what MLflow's own pages complain of without a sweep of ours
THEIRS = ("favicon", "ResizeObserver")


@dataclass
class Pages:
    """What `orchestrator ui` has said, and a browser to look at it."""

    browser: Browser
    addresses: dict[str, str]
    runs: dict[str, RunRecord]
    pictures: Path

    @property
    def root(self) -> str:
        return self.addresses["chest"].split("/#/")[0]

    @property
    def experiment(self) -> str:
        return self.addresses["chest"].split("/experiments/")[1].split("/")[0]

    def look(self, name: str) -> None:
        """Save what is seen, for eyes."""
        self.browser.picture(self.pictures / f"{name}.png")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A sweep from the command line, its pages served by `orchestrator ui`. ORCHESTRATOR_PICTURES keeps what is seen."""
    folder = tmp_path_factory.mktemp("pages")
    pictures = Path(os.environ.get("ORCHESTRATOR_PICTURES", folder))
    storage, port = folder / "runs", free_port()
    (folder / "chest.py").write_text(SPACE)
    words = ("sweep", folder / "chest.py", "--storage", storage, "--inline", "--quiet", "--json")
    with open_browser(folder) as browser:
        if browser is None:
            pytest.skip("no chromium on this machine")
        assert orchestrator(*words, env={"MLFLOW_TRACKING_URI": ""}).code == 0
        runs = {each.tags["mlflow.runName"]: each for each in open_tracker(storage, "chest", {}).runs()}
        with served(storage, port, folder / "ui.log") as said:
            yield Pages(browser, addresses_in(said), runs, pictures)


@contextmanager
def served(storage: Path, port: int, log: Path) -> Iterator[str]:
    """What `orchestrator ui` has printed when its pages can be opened."""
    command = [sys.executable, "-m", "orchestrator", "ui", "--storage", str(storage), "--port", str(port)]
    env = {**os.environ, "MLFLOW_TRACKING_URI": ""}
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=stream, stderr=stream)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server)
        yield log.read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def addresses_in(said: str) -> dict[str, str]:
    """Addresses by what they are called."""
    lines = [line.strip().partition(": ") for line in said.splitlines()]
    return {name: address for name, _, address in lines if address.startswith("http://")}


def test_the_first_address_ranks_the_runs_with_the_columns_that_matter(pages: Pages) -> None:
    pages.browser.open(pages.addresses["chest"])
    pages.browser.wait_for_text("trial-0000", "trial-0003", "member-0000", "ensemble_seeds_2")
    pages.look("ranked")
