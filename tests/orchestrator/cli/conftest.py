from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.orchestrator.cli.program import FOLDER_SPACE, SPACE, Said, orchestrator
from tests.orchestrator.external.sweeps import known_classes, write_classes
from tests.orchestrator.tracking.servers import free_port


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_REGISTER", "no")  # `swept` has shown it, and it takes seconds
    for name in ("MLFLOW_TRACKING_URI", "ORCHESTRATOR_STORAGE", "ORCHESTRATOR_WEIGHTS", "ORCHESTRATOR_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own space file."""
    path = tmp_path_factory.mktemp("space") / "tiny.py"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="session")
def swept(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A storage folder with the finished sweep `tiny`, and what the command said."""
    storage = tmp_path_factory.mktemp("swept") / "runs"
    said = orchestrator("sweep", tiny, "--storage", storage, "--inline", "--quiet", "--json")
    assert said.code == 0, said
    return storage, said


@pytest.fixture(scope="session")
def finished(swept: tuple[Path, Said]) -> Path:
    """The same storage folder, for tests that only read it."""
    return swept[0]


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of it for tests that change it; its runs lie in no database yet."""
    storage = tmp_path / "runs"
    shutil.copytree(finished, storage, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts", "tracking-*"))
    return storage


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracking server: for sweeps whose runs do not matter, because a new database takes seconds."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    """Three classes of eight images in the COVID layout."""
    return write_classes(tmp_path / "radiographs", known_classes(), images=8, first_seed=0)


@pytest.fixture
def folder_space(tmp_path: Path) -> Path:
    """A space that reads a data folder."""
    path = tmp_path / "folder.py"
    path.write_text(FOLDER_SPACE)
    return path
