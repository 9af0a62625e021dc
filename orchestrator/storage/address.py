"""How a storage is named: a folder, or a prefix of an S3 bucket; and which names may lie below it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Storage: TypeAlias = Path | str
"""A folder, or the address of a bucket: `s3://bucket/prefix`."""

SCHEME = "s3://"
EXAMPLE = "s3://my-bucket/xray"


@dataclass(frozen=True)
class BucketAddress:
    """A prefix of a bucket.

    Attributes:
        bucket: name of the bucket.
        prefix: without slashes at its ends; empty for the whole bucket.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def is_bucket(storage: Storage) -> bool:
    """Whether the storage is an S3 address; a `Path` of one has lost a slash."""
    return str(storage).startswith("s3:/")


def absolute(storage: Storage) -> Storage:
    """The storage in the form that means the same in every process: an absolute folder, or a bucket's address.

    Raises:
        ValueError: an address that is malformed or of another kind.
    """
    if is_bucket(storage):
        return str(bucket_address(storage))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(storage)):
        raise ValueError(
            f"--storage {_shown(storage)}: a storage is a folder that every node mounts, or an S3 bucket such as {EXAMPLE}. "
            "Name one of the two."
        )
    return Path(storage).absolute()


def bucket_address(storage: Storage) -> BucketAddress:
    """Read `s3://bucket/prefix`.

    Raises:
        ValueError: malformed; the message shows no credentials that somebody put into it.
    """
    rest = re.sub(r"^s3:/{1,2}", "", str(storage))
    if "@" in rest:
        raise ValueError(
            "--storage s3://...@...: credentials do not belong into the address, where logs and tables show them. Write "
            f"{EXAMPLE}, and give credentials by AWS_PROFILE, by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by the "
            "machine's role."
        )
    bucket, _, prefix = rest.partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError(
            f"--storage {storage}: {bucket!r} is no name of a bucket, which has 3 to 63 lower-case letters, digits, '-' and "
            f"'.'. Write it as {EXAMPLE}."
        )
    prefix = prefix.rstrip("/")
    if prefix and not is_plain(prefix):
        raise ValueError(
            f"--storage {storage}: the prefix {prefix!r} has an empty part, '.', '..' or a character that no name has. Write "
            f"it as {EXAMPLE}."
        )
    return BucketAddress(bucket, prefix)


def cache_folder(address: BucketAddress, env: Mapping[str, str] = os.environ) -> Path:
    """Where this machine keeps copies of what it has read from a bucket: below `ORCHESTRATOR_CACHE`, or the user's cache."""
    named = env.get("ORCHESTRATOR_CACHE", "")
    home = Path(env.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    identity = f"{endpoint(env)} {address}"
    name = f"{address.bucket}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    return (Path(named).absolute() if named else home / "xray-orchestrator") / name


def endpoint(env: Mapping[str, str] = os.environ) -> str:
    """Address of an S3 server other than Amazon's; empty for Amazon's."""
    return env.get("AWS_ENDPOINT_URL_S3", "") or env.get("AWS_ENDPOINT_URL", "")


def checked(name: str) -> str:
    """A name below the storage, as it is.

    Raises:
        ValueError: it would leave the storage.
    """
    if not is_plain(name):
        raise ValueError(f"{name!r} is no name in a store: it would leave the store.")
    return name


def is_plain(name: str) -> bool:
    """Whether a relative name has neither empty parts nor any that lead elsewhere."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\\" in part or not part.isprintable() for part in parts)


def _shown(storage: Storage) -> str:
    return re.sub(r"//[^/@]*@", "//...@", str(storage))
