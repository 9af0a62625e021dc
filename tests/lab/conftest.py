"""Tests of the lab are skipped where there can be none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.cluster import Cluster
from tests.lab.hosts import Lab, missing
from tests.lab.sweeps import LabSweep

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whether there can be a lab is found out once."""
    ours = [item for item in items if HERE in item.path.parents]
    why = missing() if ours else ""
    for item in ours if why else []:
        item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path / "lab") as made:
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head and two workers; each test mends what the one before has broken."""
    with Lab(tmp_path_factory.mktemp("hosts") / "lab") as made:
        yield Cluster(made)


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSweep]:
    """The sweep undisturbed, in one process without Ray, on a host like the others.

    ORCHESTRATOR_LAB_CALM may name a folder that keeps it for later runs: its command returns at once if all is there.
    """
    kept = os.environ.get("ORCHESTRATOR_LAB_CALM")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("calm") / "lab"
    with Lab(folder) as made:
        sweep = LabSweep(made.add(1), made.shared, "calm")
        start = sweep.start("--inline")
        assert start.wait() == 0, start.said
        print(f"\ncalm, inline: {start.seconds:.0f} s")
        assert sweep.audit()["ok"]
        yield sweep
