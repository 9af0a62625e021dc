"""What a bucket's refusal means for a user: one sentence, what to do, and never a credential."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from orchestrator.errors import StorageError

CREDENTIALS = "Give them by AWS_PROFILE, by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where the machine's role has them."
PERMISSIONS = "s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on what is in it"


@contextmanager
def reaching(address: str, served_by: str) -> Iterator[None]:
    """Tell errors of boto3 as errors of the storage. What boto3 says is left out where it may hold keys or addresses.

    Args:
        address: `s3://bucket/prefix`.
        served_by: address of the server; empty for Amazon's.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        HTTPClientError,
        IncompleteReadError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )
    from botocore.exceptions import ConnectionError as NoConnection

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound) as error:
        raise StorageError(f"{address}: there are no AWS credentials here ({_kind(error)}). {CREDENTIALS}") from None
    except (NoConnection, HTTPClientError, IncompleteReadError) as error:
        raise StorageError(
            f"{address}: the S3 server {_host(served_by)} does not answer ({_kind(error)}). Check the network and "
            "AWS_ENDPOINT_URL_S3; the same command goes on then."
        ) from None
    except ClientError as error:
        raise StorageError(f"{address}: {_refusal(error.response, address)}") from None
    except (BotoCoreError, Boto3Error) as error:
        raise StorageError(
            f"{address}: the call failed ({_kind(error)}). Check AWS_REGION, AWS_ENDPOINT_URL_S3 and the AWS profile."
        ) from None


def code_of(error: Exception) -> str:
    """The S3 code of a refused call, or the HTTP status where there is no code."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _refusal(response: object, address: str) -> str:
    error = response.get("Error", {}) if isinstance(response, dict) else {}
    code = str(error.get("Code", ""))
    bucket = address.removeprefix("s3://").split("/")[0]
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket!r}. Make it (aws s3 mb s3://{bucket}), or name another one with --storage."
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        return f"access is denied. The credentials need {PERMISSIONS}."
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed"):
        return f"the AWS credentials are not accepted ({code}). {CREDENTIALS}"
    if code in ("ExpiredToken", "RequestExpired", "TokenRefreshRequired"):
        return f"the AWS credentials have run out ({code}). Log in again; the same command goes on then."
    if code in ("PermanentRedirect", "301", "IllegalLocationConstraintException"):
        return f"the bucket {bucket!r} lies in another region. Name that in AWS_REGION."
    if code == "RequestTimeTooSkewed":
        return "the clock of this machine is wrong. Set it (timedatectl set-ntp true)."
    return f"the S3 server refused the call ({code or 'no reason given'}). Check the bucket and its policy."


def _kind(error: Exception) -> str:
    return type(error).__name__


def _host(served_by: str) -> str:
    return urlsplit(served_by).netloc.rsplit("@", 1)[-1] if served_by else "of Amazon"
