"""MLflow's own pages in a real browser: a sweep's runs with their columns, before anybody has set anything up."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.tracking.mirror import Mirror
from orchestrator.tracking.mlflow import MlflowTracker, sweep_pages
from tests.orchestrator.tracking.servers import free_port, mlflow_server
from tests.orchestrator.tracking.small_sweep import SmallSweep

pytestmark = pytest.mark.slow


def test_the_runs_are_there_with_their_columns(tmp_path: Path, no_pictures: None) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    sweep = SmallSweep(tmp_path / "runs")
    sweep.define()
    sweep.complete()
    with mlflow_server(tmp_path, free_port()) as uri:
        tracker = MlflowTracker(uri, "demo", "demo@1")
        Mirror(lambda: tracker, sweep.store, sweep.ledger).sync()
        database = f"sqlite:///{tmp_path / 'server.db'}"
        (pages,) = sweep_pages(database, uri)
        options = "--headless --no-sandbox --disable-gpu --window-size=1800,900 --virtual-time-budget=30000 --dump-dom"
        command = [browser, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", pages.ranked]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    for text in ("demo", "trial-0000", "trial-0001", "val/nll"):
        assert text in shown, text
    assert "Detect Issues" not in shown  # the page for language models
