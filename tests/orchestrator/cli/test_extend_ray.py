"""`orchestrator extend` on a Ray cluster: shares of GPUs (Ray's fake ones), further nodes, wider ranges, further tasks.

The searcher's first ten draws depend on nothing but their numbers, so the rows are those of an extension in one process.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.audit import audit
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from tests.orchestrator.cli.program import ROOT, Said, files, orchestrator, program, refusal
from tests.orchestrator.sweep.tiny import outcome, repeated_epochs

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(420)]
EXTENSION = ("--trials", 5, "--widen", "learning_rate=1e-5..1", "--tasks", "laplace_diag", "--quiet", "--json")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head with three CPUs and one GPU that is not there; the test may add nodes."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="x", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, "num_gpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def extended(storage: Path, *words: Any) -> Said:
    said = program("extend", "tiny", "--storage", storage, *words)
    assert said.code == 0, said
    return said


def assert_as_it_was(storage: Path, before: dict[str, bytes]) -> None:
    """Every file of the sweep's ledger says what it said."""
    now = files(storage / "sweeps")
    assert now.keys() - {"tiny/tracking-pending"} == before.keys()
    for name, content in before.items():
        same = json.loads(now[name]) == json.loads(content) if name.endswith(".json") else now[name] == content
        assert same, name


def trials_of(storage: Path) -> list[Row]:
    return [row for row in Ledger(storage, "tiny").rows() if row.kind == "trial"]


@pytest.mark.usefixtures("away")
def test_a_cluster_goes_on_with_shares_of_a_gpu_wider_ranges_and_further_tasks(
    cluster: Any, copied: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(copied, alone)
    assert orchestrator("extend", "tiny", "--storage", alone, *EXTENSION, "--inline").code == 0
    before, left = trials_of(copied), files(copied / "sweeps")
    told = refusal(
        *("extend", "tiny", "--storage", copied, *EXTENSION, "--gpus-per-trial", 2, "--address", cluster.address),
        code=3,
    )
    assert "3 CPUs and 1 GPUs; a trial asks for 1 and 2" in told
    assert_as_it_was(copied, left)

    said = extended(copied, *EXTENSION, "--gpus-per-trial", 0.5, "--address", cluster.address)
    status = json.loads(said.out)
    assert status["trials"]["completed"] == 5
    assert status["posthoc"]["done"] == status["posthoc"]["wanted"]
    definition = Ledger(copied, "tiny").definition()
    assert (definition["trials"], definition["resources"]["gpus"]) == (5, 0.5)
    assert outcome(copied) == outcome(alone), "rows, metrics and weights as from one process without Ray"
    rows = trials_of(copied)
    assert [(row.key, row.params, row.reports) for row in rows[:3]] == [
        (row.key, row.params, row.reports) for row in before
    ]
    assert rows[4].started < rows[3].ended, "two halves of a GPU are two trials at once"
    assert {json.loads(row.distributions["learning_rate"])["attributes"]["low"] for row in rows} == {1e-5}

    cluster.add_node(num_cpus=2)
    extended(
        *(copied, "--trials", 6, "--cpus-per-trial", 2, "--gpus-per-trial", 0, "--address", cluster.address),
        *("--tasks", "conformal", "--quiet", "--json"),
    )
    definition, rows = Ledger(copied, "tiny").definition(), trials_of(copied)
    assert (definition["resources"]["cpus"], definition["resources"]["gpus"]) == (2, 0)
    assert [row.state for row in rows] == ["completed"] * 6
    assert {"laplace", "conformal"} <= {task["kind"] for task in definition["posthoc"]}
    store = Store(copied)
    assert len(store.keys("conformal")) == len({row.key for row in Ledger(copied, "tiny").rows()})
    assert audit(store, Ledger(copied, "tiny"), None, contents=True).ok
    assert repeated_epochs(copied) == []


@pytest.mark.usefixtures("away")
def test_a_machine_without_gpus_refuses_them_and_says_what_to_do(copied: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    left = files(copied / "sweeps")
    told = refusal("extend", "tiny", "--storage", copied, *EXTENSION, "--gpus-per-trial", 0.5, code=3)
    assert "asks for 0.5 GPUs, and this machine has 0" in told
    assert "--address" in told
    assert_as_it_was(copied, left)
    assert orchestrator("extend", "tiny", "--storage", copied, "--trials", 4, "--inline", "--quiet").code == 0
