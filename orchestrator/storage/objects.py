"""The objects below a prefix of a bucket: the few calls of S3 that a store needs, with errors for users.

`put_new` and `put_over` are S3's conditional writes (If-None-Match, If-Match): of several writers the server lets exactly
one through.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StorageError
from orchestrator.storage.address import BucketAddress
from orchestrator.storage.s3_errors import code_of, reaching

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = 32  # connections
DELETED_AT_ONCE = 1000
BUSY = ("ConditionalRequestConflict", "OperationAborted")
IN_PARTS = 32 * 2**20  # bytes from which on files travel in parts
BLOCK = 2**20


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An object in a listing; `modified` is seconds since 1970 on the server's clock."""

    name: str
    bytes: int
    modified: float
    etag: str


@dataclass(frozen=True, kw_only=True)
class Got:
    """The content of an object, and how long ago it was written, in seconds, on the server's clock."""

    data: bytes
    etag: str
    age_seconds: float


class Objects:
    """Objects of a bucket whose names begin with a prefix.

    Args:
        address: bucket and prefix.
        served_by: address of an S3 server other than Amazon's; it is for messages, boto3 reads it itself.
    """

    def __init__(self, address: BucketAddress, served_by: str = "") -> None:
        self.address = str(address)
        self._bucket = address.bucket
        self._above = f"{address.prefix}/" if address.prefix else ""
        self._served_by = served_by

    @cached_property
    def _client(self) -> S3Client:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 5},
            max_pool_connections=AT_ONCE,
        )
        return boto3.session.Session().client("s3", config=config)

    def get(self, name: str) -> Got | None:
        """Read an object; None where there is none."""
        with self._reaching():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._above + name)
            except self._client.exceptions.NoSuchKey:
                return None
            data = answer["Body"].read()
        now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        age = (parsedate_to_datetime(now).timestamp() if now else time.time()) - answer["LastModified"].timestamp()
        return Got(data=data, etag=answer["ETag"], age_seconds=age)

    def has(self, name: str) -> bool:
        """Whether there is an object of that name."""
        return any(each.name == name for each in self._page(name))

    def put(self, name: str, data: bytes) -> str:
        """Write an object, whatever was there, and return its ETag."""
        with self._reaching():
            return self._client.put_object(Bucket=self._bucket, Key=self._above + name, Body=data)["ETag"]

    def put_new(self, name: str, data: bytes) -> str | None:
        """Write an object unless there is one; None if there is. The content must be this writer's own."""
        return self._put_if(name, data, IfNoneMatch="*")

    def put_over(self, name: str, data: bytes, etag: str) -> str | None:
        """Write an object if it still is what it was; None if not. The content must be this writer's own."""
        return self._put_if(name, data, IfMatch=etag)

    def _put_if(self, name: str, data: bytes, **condition: str) -> str | None:
        from botocore.exceptions import ClientError

        with self._reaching():
            for attempt in range(10):
                try:
                    arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._above + name, "Body": data}
                    return str(self._client.put_object(**arguments | condition)["ETag"])
                except ClientError as error:
                    if code_of(error) in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                        return self._own(name, data)
                    if code_of(error) not in BUSY:
                        raise
                    time.sleep(0.05 * 2**attempt)
        raise StorageError(f"{self.address}/{name} is written by others without an end. Start the same command again.")

    def _own(self, name: str, data: bytes) -> str | None:
        """A write whose answer was lost is sent again, and then refused because of itself."""
        found = self.get(name)
        return found.etag if found is not None and found.data == data else None

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; absent ones are no error."""
        keys = [self._above + name for name in names]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = [{"Key": key} for key in keys[start : start + DELETED_AT_ONCE]]
            with self._reaching():
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": some, "Quiet": True},  # type: ignore[typeddict-item]
                )
            if errors := answer.get("Errors"):
                code = errors[0].get("Code", "no reason given")
                raise StorageError(
                    f"{self.address}: an object could not be deleted ({code}). It needs s3:DeleteObject."
                )

    def delete_if(self, name: str, etag: str) -> None:
        """Delete an object if it still is what it was."""
        from botocore.exceptions import ClientError

        with self._reaching():
            try:
                self._client.delete_object(Bucket=self._bucket, Key=self._above + name, IfMatch=etag)
            except ClientError as error:
                if code_of(error) not in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                    raise

    def listed(self, start: str) -> Iterator[Listed]:
        """Every object whose name begins so, in order."""
        token = ""
        while True:
            answer = self._listing(start, token)
            yield from self._entries(answer)
            token = answer.get("NextContinuationToken", "")
            if not token:
                return

    def clock_ahead(self) -> float:
        """By how many seconds the server's clock is ahead of this machine's."""
        now = self._listing("", "", 1)["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(now).timestamp() - time.time() if now else 0.0

    def _page(self, start: str) -> Iterator[Listed]:
        return self._entries(self._listing(start, "", 1))

    def _listing(self, start: str, token: str, most: int = 1000) -> Any:
        more: dict[str, Any] = {"ContinuationToken": token} if token else {}
        with self._reaching():
            return self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._above + start, MaxKeys=most, **more)

    def _entries(self, answer: Any) -> Iterator[Listed]:
        for each in answer.get("Contents", ()):
            yield Listed(
                name=each["Key"].removeprefix(self._above),
                bytes=each["Size"],
                modified=each["LastModified"].timestamp(),
                etag=each["ETag"],
            )

    def upload(self, path: Path, name: str) -> None:
        """Write a file as an object; a large one travels in parts."""
        if path.stat().st_size < IN_PARTS:
            self.put(name, path.read_bytes())
            return
        with self._reaching():
            self._client.upload_file(str(path), self._bucket, self._above + name)

    def blocks(self, name: str) -> Iterator[bytes]:
        """The content of an object, block by block; KeyError where there is none. A cut connection is a StorageError."""
        with self._reaching():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._above + name)
            except self._client.exceptions.NoSuchKey:
                raise KeyError(name) from None
            yield from answer["Body"].iter_chunks(BLOCK)

    def digest(self, name: str) -> str | None:
        """sha256 of an object as it is stored now; None where there is none."""
        found = hashlib.sha256()
        try:
            for block in self.blocks(name):
                found.update(block)
        except KeyError:
            return None
        return found.hexdigest()

    def _reaching(self) -> AbstractContextManager[None]:
        return reaching(self.address, self._served_by)
