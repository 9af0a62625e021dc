"""A population under Ray ends with the bits of one in a single process, killed or not."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.executors.ray import RayExecutor
from orchestrator.sweep.launch import run_sweep
from search_spaces.schedulers import Pbt
from tests.orchestrator.sweep.tiny import Watcher, launch, outcome, repeated_epochs, start
from trainables.spec import Evaluation

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names of sockets must stay short."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("short_folder")
def test_ray_and_one_process_end_with_the_same_table(tmp_path: Path) -> None:
    changes = {"scheduler": Pbt(interval=1, fraction=0.34), "trials": 4, "posthoc": (Evaluation(),)}
    assert start(tmp_path / "inline", **changes).finished
    wanted = launch(tmp_path / "ray", **changes)
    interrupted = run_on_ray(wanted, Watcher(interrupt_at=9))
    assert not interrupted
    assert run_on_ray(wanted, Watcher())
    assert outcome(tmp_path / "ray") == outcome(tmp_path / "inline")
    assert repeated_epochs(tmp_path / "ray") == []


def run_on_ray(wanted, watcher: Watcher) -> bool:  # type: ignore[no-untyped-def]
    executor = RayExecutor()
    try:
        return run_sweep(wanted, executor, [watcher]).finished
    finally:
        executor.close()
