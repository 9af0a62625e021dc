import pytest

from orchestrator.external.evaluate import evaluate
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from orchestrator.tracking.protocol import Artifact


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryServer:
    def blank(identity: str, draw: object) -> Artifact:
        return Artifact(identity=identity, content=lambda: b"")

    monkeypatch.setattr("orchestrator.tracking.pictures._picture", blank)
    return MemoryServer()


def mirror(storage, server):
    ledger = Ledger(storage, "tiny")
    identity = sweep_identity(ledger.definition())
    return Mirror(lambda: MemoryTracker(identity, server), Store(storage), ledger)


def test_an_evaluation_becomes_a_child_run_of_the_sweep_once(storage, hospital, server):
    found = evaluate(storage, "tiny", hospital)
    mirror(storage, server).sync()
    parent = next(run for run in server.runs if run.key == "tiny")
    (run,) = [run for run in server.runs if run.key == found.key]
    assert run.parent_id == parent.run_id
    assert run.status == "FINISHED"
    assert run.name == "evaluation on other"
    assert run.tags["orchestrator.kind"] == "evaluation"
    assert run.params["data"] == found.data.fingerprint
    metrics = {point.name: point.value for point in run.points}
    best, other = found.rows[:2]
    assert metrics["temperature/external/ece"] == best.metrics["temperature/ece"]
    assert metrics["external/recall/Normal"] == best.metrics["uncalibrated/recall/Normal"]
    assert metrics[f"{other.name}/external/nll"] == other.metrics["uncalibrated/nll"]
    assert mirror(storage, server).sync() == 0
