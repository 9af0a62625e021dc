"""A sweep stays within the disk that it was given, or ends with what to do about it."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.audit import audit
from orchestrator.errors import StorageError
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.request import build_launch
from search_spaces.sweep import Resources
from tests.orchestrator.sweep.tiny import outcome, start

NO_SCHEDULER: dict[str, Any] = {"scheduler": None}


def used(storage: Path) -> int:
    store = Store(storage)
    rows = Ledger(storage, "tiny").rows()
    return sum(store.size(key) for key in {key for row in rows for key in (*row.chains, *row.trained)})


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("free")
    assert start(storage, **NO_SCHEDULER).finished
    return storage


def test_a_sweep_with_a_budget_takes_no_more_and_has_the_same_results(free: Path, tmp_path: Path) -> None:
    wanted = used(free) * 0.9
    assert start(tmp_path, resources=Resources(disk_gb=wanted / 1e9), **NO_SCHEDULER).finished
    assert used(tmp_path) <= wanted
    assert outcome(tmp_path) == outcome(free)
    assert audit(Store(tmp_path), Ledger(tmp_path, "tiny"), None, contents=True).ok


def test_one_that_cannot_ends_in_order_and_goes_on_with_more(free: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"resources/disk_gb is .* Give it more"):
        start(tmp_path, resources=Resources(disk_gb=used(free) * 0.3 / 1e9), **NO_SCHEDULER)
    assert Ledger(tmp_path, "tiny").state() == "failed"
    assert start(tmp_path, **NO_SCHEDULER).finished
    assert outcome(tmp_path) == outcome(free)


def test_the_command_line_takes_it() -> None:
    launch = build_launch("demo", storage=Path("runs"), settings=["resources/disk_gb=2.5", "resources/gpus=auto"])
    assert launch.sweep.resources == Resources(disk_gb=2.5, measured=("gpus",))
    with pytest.raises(ValueError, match="wants a number, or auto"):
        build_launch("demo", storage=Path("runs"), settings=["resources/gpus=half"])
