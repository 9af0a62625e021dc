"""MLflow's own pages in a real browser, as `orchestrator ui` names them: what a user sees who has set nothing up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from orchestrator.tracking.mlflow import open_tracker
from orchestrator.tracking.protocol import ModelRecord, RunRecord
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
THEIRS = "/mlflow/users/current"  # what MLflow's pages ask a server without accounts in vain
RANKED = ["trial-0000", "trial-0001", "trial-0002", "trial-0003", "member-0000", "ensemble_seeds_2"]
COLUMNS = """[...document.querySelectorAll(".ag-header-cell")]
    .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left)
    .map(each => each.getAttribute("col-id"))"""
NAMES = """[...document.querySelectorAll(".ag-row a")].map(each => each.innerText)"""
UNFOLD = """document.querySelector(".ag-row[row-index='0'] [col-id='attributes.`Run Name`'] button")"""


@dataclass
class Pages:
    """What `orchestrator ui` has said, and a browser to look at it."""

    browser: Browser
    addresses: dict[str, str]
    runs: dict[str, RunRecord]
    models: list[ModelRecord]
    pictures: Path

    def of_run(self, name: str, part: str = "") -> str:
        """Address of a run's page."""
        experiment, _, _ = self.addresses["chest"].partition("/runs?")
        return f"{experiment}/runs/{self.runs[name].run_id}{part}"

    def value(self, name: str, metric: str) -> float:
        """What a run has of a metric."""
        return self.runs[name].metrics[metric]

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
        tracker = open_tracker(storage, "chest", {})
        runs = {each.tags["mlflow.runName"]: each for each in tracker.runs()}
        with served(storage, port, folder / "ui.log") as said:
            yield Pages(browser, addresses_in(said), runs, tracker.models(), pictures)


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


@pytest.fixture(autouse=True)
def no_complaints(pages: Pages) -> Iterator[None]:
    """Nothing on the console, nothing that could not be fetched."""
    pages.browser.errors.clear()
    yield
    assert [each for each in pages.browser.errors if THEIRS not in each] == []


def test_the_first_address_ranks_the_runs_with_the_columns_that_matter(pages: Pages) -> None:
    browser = pages.browser
    browser.open(pages.addresses["chest"], width=2400)
    browser.wait_for_text("chest", *RANKED)
    assert "Detect Issues" not in browser.text(), "the page for language models"
    browser.wait(f"{COLUMNS}.includes('attributes.`Dataset`')")
    shown = browser.ask(COLUMNS)
    metrics = ("val/nll", "test/accuracy", "test/ece", "temperature/test/ece", "aopc/test/aopc_gain")
    for column in (*(f"metrics.`{name}`" for name in metrics), "params.`learning_rate`", "params.`dropout`"):
        assert column in shown
    browser.wait_for_text(f"data ({pages.runs['trial-0000'].datasets[0][1]})")
    names = browser.ask(NAMES)
    assert sorted(RANKED, key=names.index) == sorted(RANKED, key=lambda each: pages.value(each, "val/nll"))
    browser.open(pages.addresses["chest"])
    browser.wait_for_text(*RANKED)
    first = ["metrics.`val/nll`", "metrics.`test/accuracy`"]  # on a laptop, without scrolling
    browser.wait(f"JSON.stringify({COLUMNS}.slice(3, 5)) === JSON.stringify({json.dumps(first)})")
    pages.look("mlflow")


def test_the_second_one_is_a_tree(pages: Pages) -> None:
    browser = pages.browser
    browser.open(pages.addresses["as a tree"])
    browser.wait(f"{NAMES}.includes('chest') && {UNFOLD} !== null")
    assert not set(browser.ask(NAMES)) & set(RANKED), "still folded"
    browser.ask(f"{UNFOLD}.click()")
    browser.wait_for_text(*RANKED)
    assert browser.ask(NAMES)[0] == "chest"
    pages.look("mlflow-tree")


def test_the_third_one_begins_with_parallel_coordinates_of_the_search(pages: Pages) -> None:
    browser = pages.browser
    browser.open(pages.addresses["as charts"])
    browser.wait_for_text("Search", "learning_rate", "dropout", "best/val/nll")
    browser.wait("document.querySelectorAll('.parcoords canvas').length > 0")
    assert browser.text().index("Parallel Coordinates") < browser.text().index("train\n"), "the first of all charts"
    pages.look("mlflow-charts")


def test_two_runs_are_compared_in_parallel_coordinates(pages: Pages) -> None:
    browser, ids = pages.browser, [pages.runs[name].run_id for name in ("trial-0000", "trial-0001")]
    experiment = pages.addresses["chest"].split("/experiments/")[1].split("/")[0]
    root = pages.addresses["chest"].split("#")[0]
    asked = f"runs={quote(json.dumps(ids))}&experiments={quote(json.dumps([experiment]))}"
    browser.open(f"{root}#/compare-runs?{asked}")
    browser.wait_for_text("Comparing 2 Runs from 1 Experiment", "Parallel Coordinates Plot", "trial-0000", "trial-0001")
    browser.wait("document.querySelectorAll('.js-plotly-plot .parcoords .axis').length >= 2")


def test_a_run_has_its_figures_its_data_and_its_registered_model(pages: Pages) -> None:
    browser = pages.browser
    (record,) = pages.models
    best = next(name for name, each in pages.runs.items() if each.run_id == record.run_id)
    browser.open(pages.of_run(best, "/artifacts/figures/reliability.png"))
    browser.wait_for_text("aopc_saliency.png", "learning_curves.png", "reliability.png")
    browser.wait("[...document.images].some(each => each.complete && each.naturalWidth > 300)")
    pages.look("mlflow-figures")
    browser.open(pages.of_run(best), height=1600)
    browser.wait_for_text("Datasets", f"data ({pages.runs[best].datasets[0][1]})", "learning_rate")
    browser.wait("document.querySelector('a[href*=\"/models/chest/versions/1\"]') !== null")


def test_the_registered_model_is_there_with_its_alias_and_its_card(pages: Pages) -> None:
    browser = pages.browser
    browser.open(pages.addresses["registered models"])
    browser.wait("document.querySelector('a[href$=\"/models/chest\"]') !== null")
    browser.wait_for_text("Try it now")  # MLflow asks a new guest whether aliases shall be shown
    browser.ask("[...document.querySelectorAll('button')].find(each => each.innerText === 'Try it now').click()")
    browser.wait_for_text("Aliased versions", "Version 1", "best")
    browser.open(f"{pages.addresses['registered models']}/chest/versions/1")
    browser.wait_for_text("Aliases", "best", "Not for clinical use", "Measured reliability", "after temperature")
    pages.look("mlflow-model")
    for part in ("Inputs (1)", "Outputs (9)"):  # both parts of the schema are folded at first
        browser.wait(f"document.body.textContent.includes({json.dumps(part)})")
        named = f"[...document.querySelectorAll('*')].filter(each => each.innerText?.trim() === {json.dumps(part)})"
        browser.ask(f"{named}.at(-1).click()")
    for text in ("path (required)", "entropy", "p/opacity"):
        browser.wait(f"document.body.textContent.includes({json.dumps(text)})")
