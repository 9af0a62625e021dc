"""The life of a registered model on a real server, by the command line alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.storage.ledger import Ledger
from orchestrator.tracking.mlflow import open_tracker
from tests.orchestrator.cli.program import Said, orchestrator
from tests.orchestrator.external.test_best_model import predicted_elsewhere
from tests.orchestrator.tracking.servers import free_port, mlflow_server

pytestmark = pytest.mark.slow

SPACE = """
from search_spaces.sweep import Sweep
from tests.orchestrator.external.test_best_model import space
from trainables.spec import Evaluation, Temperature

sweep = Sweep(
    name="grown", space=space, searcher="grid", trials=1, member_seeds=0, posthoc=(Evaluation(), Temperature())
)
"""


def test_a_sweep_registers_its_best_network_whenever_the_server_is_there(
    tmp_path: Path, hospital: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, storage, file = free_port(), tmp_path / "runs", tmp_path / "grown.py"
    file.write_text(SPACE)
    monkeypatch.delenv("ORCHESTRATOR_REGISTER", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")

    def said(*words: object) -> Said:
        return orchestrator(*words, "--storage", storage, "--inline", "--quiet")

    start = ("sweep", file, "--trials", 1)
    away = said(*start)
    assert away.code == 0
    assert "Tracking: " in away.err
    assert "Model:" not in away.out

    with mlflow_server(tmp_path, port) as uri:
        assert "Model:   models:/grown@best  (trial-0000, version 1)" in said(*start).out, "caught up"
        ledger = Ledger(storage, "grown")
        tracker = open_tracker(storage, "grown")
        (first,) = tracker.models()
        written = (ledger.folder / "tracking-registered").stat().st_mtime_ns
        assert "(trial-0000, version 1)" in said(*start).out
        assert tracker.models() == [first]
        assert (ledger.folder / "tracking-registered").stat().st_mtime_ns == written, "nobody was asked"

        assert "Model:   models:/grown@best  (trial-0001, version 2)" in said("extend", "grown", "--trials", 2).out
        assert [each.aliases for each in tracker.models()] == [(), ("best",)]
        assert orchestrator("audit", "grown", "--storage", storage).code == 0

        (tmp_path / "elsewhere").mkdir()
        images = sorted(hospital.rglob("*.png"))[:2]
        rows = predicted_elsewhere(uri, images, tmp_path / "elsewhere")["rows"]
        assert [row["path"] for row in rows] == [str(image) for image in images]
        for row in rows:
            assert sum(value for name, value in row.items() if name.startswith("p/")) == pytest.approx(1, abs=1e-5)
            assert row["entropy"] > 0

        assert orchestrator("delete", "grown", "--storage", storage, "--yes").code == 0
        assert tracker.models() == []
        assert tracker._connected().search_registered_models() == []
