"""A sweep beside what does not work: a tracking server that is away, a task without memory."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from orchestrator.storage.store import Store
from tests.orchestrator.cli.program import SPACE, orchestrator
from tests.orchestrator.tracking.servers import free_port


def test_a_sweep_finishes_without_its_tracking_server_and_fills_it_later(
    tiny: Path, copied: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished / "mlflow.db", copied)  # with its tables; it lacks the runs of what follows
    words = (
        "sweep",
        tiny,
        "--storage",
        copied,
        "--name",
        "later",
        "--trials",
        1,
        "--set",
        "member_seeds=0",
        "--inline",
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    said = orchestrator(*words, "--json")
    assert said.code == 0
    assert json.loads(said.out)["state"] == "finished"
    assert re.search(r"Tracking: The tracking server .* nothing answers at that address. Nothing is lost", said.error)
    audited = orchestrator("audit", "later", "--storage", copied)
    assert audited.code == 3
    assert "nothing answers at that address" in audited.error
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    missing = json.loads(orchestrator("audit", "later", "--storage", copied, "--json").out)
    assert len(missing["missing_runs"]) == 2
    assert missing["tracking_pending"]
    said = orchestrator(*words, "--json")
    assert (said.code, said.err) == (0, "")
    audited = orchestrator("audit", "later", "--storage", copied, "--json")
    assert audited.code == 0
    assert json.loads(audited.out)["missing_runs"] == []
    assert json.loads(audited.out)["tracking_pending"] == ""


def test_laplace_without_memory_fails_alone_and_tells_the_bytes(tmp_path: Path, away: None) -> None:
    path = tmp_path / "tight.py"
    text = SPACE.replace("trials=3", "trials=1").replace("member_seeds=1", "member_seeds=0")
    tasks = 'posthoc=(Laplace(hessian_structure="full", memory_bytes=1000), Laplace(hessian_structure="diag"))'
    path.write_text(re.sub(r"posthoc=\(.*\),\n", tasks + ",\n", text).replace('name="tiny"', 'name="tight"'))
    storage = tmp_path / "runs"
    said = orchestrator("sweep", path, "--storage", storage, "--inline", "--quiet")
    assert said.code == 1
    assert re.search(r"failed: laplace-\w+: .*[\d,]{4,} bytes", said.error), said.error
    assert len(Store(storage).keys("laplace")) == 1
    status = json.loads(orchestrator("status", "--storage", storage, "--json").out)["sweeps"][0]
    assert (status["state"], status["posthoc"]) == ("finished", {"wanted": 2, "done": 1, "failed": 1})
    assert "bytes" in orchestrator("status", "--storage", storage).out
