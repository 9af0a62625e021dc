"""One tiny sweep for all tests here, and another folder to judge it on."""

from pathlib import Path

import pytest
import torch

from tests.orchestrator.external.sweeps import known_classes, run_embedded_sweep, run_tiny_sweep, write_classes


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("external")
    data = write_classes(folder / "own", known_classes(), images=24, first_seed=0)
    run_tiny_sweep(folder / "runs", data)
    run_embedded_sweep(folder / "runs")
    torch.set_num_threads(threads)
    return folder / "runs"


@pytest.fixture(scope="session")
def own_data(storage: Path) -> Path:
    return storage.parent / "own"


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another folder with other images of the same classes."""
    folder = tmp_path_factory.mktemp("hospital") / "other"
    return write_classes(folder, known_classes(), images=10, first_seed=500)
