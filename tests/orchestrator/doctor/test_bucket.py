"""A cluster whose storage is a bucket: every node reaches it, and it is the same one. Real requests to moto's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.doctor.cluster import Answer, compare
from orchestrator.doctor.findings import Finding
from orchestrator.doctor.probe import Token, identity, probe, written_token
from orchestrator.storage.address import bucket_address
from orchestrator.storage.objects import Objects
from tests.orchestrator.storage.s3_server import ENVIRONMENT, environment, new_bucket, serving

ROOT = Path(__file__).resolve().parents[3]
PROBE = (
    "import json, sys; from orchestrator.doctor.probe import Token, probe; "
    "print(json.dumps(probe(sys.argv[1], Token(path=sys.argv[2], content=''))))"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "copies"))
    return f"s3://{new_bucket()}/xray"


def objects(bucket: str) -> list[str]:
    return [each.name for each in Objects(bucket_address(bucket)).listed("")]


def of_node(bucket: str, token: Token, folder: Path) -> dict[str, Any]:
    """What a node says: a process of its own, with a cache of its own."""
    node = {**os.environ, "ORCHESTRATOR_CACHE": str(folder / "other"), "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-c", PROBE, bucket, token.path], env=node, cwd=folder, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    told: dict[str, Any] = json.loads(said.stdout)
    return told


def of_storage(told: dict[str, Any], token: Token) -> list[Finding]:
    """What is found of a node's storage, when it is compared with the driver's; but not that this machine is slow."""
    answer = Answer(node="h2", told=told, asked_at=1.0, told_at=1.0, its_time=1.0)
    (node,) = compare({"python": told["facts"]["python"], **identity()}, token, [answer])
    assert "token" not in node.to_plain()["facts"]
    found = [finding for finding in node.findings if finding.kind in ("storage", "clock")]
    return [finding for finding in found if "for three small writes" not in finding.message]


def test_a_node_with_a_cache_of_its_own_reads_what_the_driver_wrote(bucket: str, tmp_path: Path) -> None:
    with written_token(bucket) as token:
        assert token.path.startswith(f"{bucket}/.doctor-token-")
        told = of_node(bucket, token, tmp_path)
    assert of_storage(told, token) == []
    assert told["facts"]["storage"] == bucket
    assert objects(bucket) == []
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    assert not any(ENVIRONMENT[name] in str(told) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


def test_a_node_that_reaches_another_bucket_under_the_same_address_is_found(bucket: str) -> None:
    """As with another endpoint or account: what the driver wrote is not there, or something else is."""
    with written_token(bucket) as token:
        Objects(bucket_address(bucket)).delete([token.path.rsplit("/", 1)[1]])
        (nothing,) = of_storage(probe(bucket, token), token)
        Objects(bucket_address(bucket)).put(token.path.rsplit("/", 1)[1], b"of another driver")
        (other,) = of_storage(probe(bucket, token), token)
    assert "this node sees nothing" in nothing.message
    assert "this node sees another file" in other.message
    assert "AWS_ENDPOINT_URL_S3" in other.remedy
    assert objects(bucket) == []


def test_a_node_without_credentials_is_one_finding_with_the_way_out(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with written_token(bucket) as token:
        with monkeypatch.context() as lost:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                lost.delenv(name)
            told = of_node(bucket, token, tmp_path)
        (finding,) = of_storage(told, token)
    assert "no AWS credentials" in finding.message
    assert objects(bucket) == []


def test_a_driver_that_cannot_write_the_bucket_still_examines_the_nodes(bucket: str) -> None:
    absent = "s3://no-such-bucket-here/xray"
    with written_token(absent) as token:
        assert token.content == ""
        (finding,) = of_storage(probe(absent, token), token)
    assert "there is no bucket 'no-such-bucket-here'" in finding.message


def test_what_goes_wrong_in_between_is_not_swallowed_and_the_token_goes(bucket: str, tmp_path: Path) -> None:
    for storage in (bucket, tmp_path):
        with pytest.raises(OSError, match="in between"), written_token(storage):
            raise OSError("in between")
    assert objects(bucket) == []
    assert list(tmp_path.iterdir()) == []
