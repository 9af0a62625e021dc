"""What a user is told when a bucket cannot be used: what is wrong and what to do, and never a credential."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage.address import bucket_address
from orchestrator.storage.objects import Objects
from orchestrator.storage.places import place_of
from orchestrator.storage.store import Store
from tests.orchestrator.storage.s3_server import ENVIRONMENT, new_bucket

ROOT = Path(__file__).resolve().parents[3]
SECRETS = (ENVIRONMENT["AWS_ACCESS_KEY_ID"], ENVIRONMENT["AWS_SECRET_ACCESS_KEY"])


def refused(storage: str) -> str:
    """What is said when a sweep is to start on the storage."""
    with pytest.raises(StorageError) as caught:
        place_of(storage).require_writable()
    said = str(caught.value)
    assert not any(secret in said for secret in SECRETS)
    assert said.startswith(storage)
    return said


@pytest.fixture
def guarded(bucket: str, s3_address: str) -> Iterator[str]:
    """A bucket on a server that checks who calls."""
    _set_guard(s3_address, "0")
    yield bucket
    _set_guard(s3_address, "inf")


def _set_guard(server: str, free_calls: str) -> None:
    address, kind = f"{server}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(address, data=free_calls.encode(), headers=kind)).close()


def test_a_bucket_that_is_not_there_is_told_with_the_command_that_makes_it(bucket: str) -> None:
    said = refused("s3://no-such-bucket-here/xray")
    assert "there is no bucket 'no-such-bucket-here'" in said
    assert "aws s3 mb s3://no-such-bucket-here" in said


def test_absent_credentials_are_told_with_the_ways_to_give_them(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = refused(f"{bucket}/other")
    assert "no AWS credentials" in said
    assert "AWS_PROFILE" in said


def test_credentials_that_are_not_accepted(guarded: str) -> None:
    said = refused(f"{guarded}/other")
    assert "not accepted (InvalidAccessKeyId)" in said


def test_denied_access_names_the_permissions(bucket: str, s3_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    iam = boto3.session.Session().client("iam", endpoint_url=s3_address)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    _set_guard(s3_address, "0")
    try:
        said = refused(f"{bucket}/other")
    finally:
        _set_guard(s3_address, "inf")
    assert "access is denied" in said
    assert "s3:ListBucket" in said
    assert key["AccessKeyId"] not in said


def test_a_server_that_does_not_answer_is_named_without_its_password(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.config
    from botocore.config import Config

    monkeypatch.setattr(botocore.config, "Config", lambda **_: Config(retries={"max_attempts": 0}))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://someone:hidden@127.0.0.1:9")
    said = refused(f"{bucket}/other")
    assert "127.0.0.1:9 does not answer" in said
    assert "hidden" not in said


def test_a_server_without_conditional_writes_is_refused(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "put_new", lambda self, name, data: self.put(name, data))
    assert "ignores If-None-Match" in refused(bucket)


def test_a_copy_is_checked_and_a_damaged_object_is_not_used(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(bucket)
    attempt = store.begin("network-1")
    (attempt.folder / "weights").write_text("weights")
    attempt.commit({})
    Objects(bucket_address(bucket)).put(f"artifacts/network/network-1/{attempt.name}/weights", b"WEIGHTS")
    assert store.file("network-1", "weights").read_text() == "weights", "the copy of the machine that wrote it"
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(store.local / "elsewhere"))
    with pytest.raises(StorageError, match="is not what was committed"):
        Store(bucket).file("network-1", "weights")
    assert list((store.local / "elsewhere").rglob("*weights*")) == []


@pytest.mark.parametrize(
    ("storage", "code", "told"),
    [
        ("s3://no-such-bucket-here/xray", 3, "aws s3 mb"),
        ("s3://Bad_Name/xray", 2, "no name of a bucket"),
        ("s3://good-name/../xray", 2, "the prefix"),
        ("s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY@good-name/xray", 2, "AWS_PROFILE"),
        ("s3://", 2, "no name of a bucket"),
        ("gs://bucket/xray", 2, "or an S3 bucket"),
    ],
)
def test_the_command_line_tells_it_in_a_paragraph_with_its_code(
    bucket: str, tmp_path: Path, storage: str, code: int, told: str
) -> None:
    for command in (["sweep", "demo", "--inline"], ["status", "--json"]):
        said = subprocess.run(
            [sys.executable, "-m", "orchestrator", *command, "--storage", storage],
            cwd=tmp_path,
            env={**_environment(), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == code, said.stderr
        assert told in said.stderr
        assert "Traceback" not in said.stderr
        assert not any(secret in said.stderr + said.stdout for secret in SECRETS)
        assert said.stderr.startswith("Error: ")
    assert [path.name for path in tmp_path.iterdir() if path.name != "copies"] == []


def test_doctor_tells_of_a_bucket(bucket: str) -> None:
    from orchestrator.doctor.storage import check_clock, check_disk, check_storage

    fine = check_storage(bucket)
    assert not fine.findings
    assert json.loads(json.dumps(fine.facts))["storage"] == bucket
    assert not check_clock(bucket).findings
    assert check_disk(bucket).facts["disk_free_bytes"] > 0
    (finding,) = check_storage("s3://no-such-bucket-here/xray").findings
    assert "there is no bucket" in finding.message
    assert list(Objects(bucket_address(bucket)).listed("")) == []
    assert new_bucket()


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
