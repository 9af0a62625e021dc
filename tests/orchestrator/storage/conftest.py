from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.storage.address import Storage
from orchestrator.storage.place import Place
from orchestrator.storage.places import place_of
from tests.orchestrator.storage.s3_server import environment, new_bucket, serving


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def bucket(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty storage in a bucket."""
    for name, value in environment(s3_address).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "copies"))
    return f"s3://{new_bucket()}/a/prefix"


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A folder, then a bucket: the contract of every test that takes it."""
    if request.param == "folder":
        return tmp_path
    address: str = request.getfixturevalue("bucket")
    return address


@pytest.fixture
def place(storage: Storage) -> Place:
    return place_of(storage)
