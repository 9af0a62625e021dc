"""moto's S3 server on a free port of this machine: real requests from any process."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@contextmanager
def serving() -> Iterator[str]:
    """A server while the block lasts.

    Yields:
        Its address.
    """
    server_of = pytest.importorskip("moto.server", reason="needs moto[server,s3]")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def environment(address: str) -> dict[str, str]:
    """Variables with which boto3 finds the server; the credentials are those of Amazon's own documentation."""
    return {**ENVIRONMENT, "AWS_ENDPOINT_URL_S3": address}


def new_bucket() -> str:
    """A bucket of its own for a test; the environment names the server already."""
    import boto3

    name = f"xray-{secrets.token_hex(6)}"
    boto3.session.Session().client("s3").create_bucket(Bucket=name)
    return name
