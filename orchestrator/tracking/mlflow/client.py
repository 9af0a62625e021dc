"""A quiet and impatient MLflow client."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from orchestrator.errors import TrackingError
from orchestrator.tracking.mlflow.location import EMBEDDED, is_absent, require_usable

# Retries are ours: a repeated "create run" whose answer was lost would double the run, ours looks it up first.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
CHATTY = ("mlflow", "alembic", "urllib3.connectionpool")


def open_client(uri: str) -> Any:
    """Connect to a server or a database; a new database gets its tables.

    Raises:
        TrackingError: it cannot be used.
    """
    require_usable(uri)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with reaching(uri):
        client = _imported_client()
        for logger in CHATTY:
            logging.getLogger(logger).setLevel(logging.ERROR)
        return client(tracking_uri=uri)


def require_answer(uri: str) -> None:
    """Ask the server, or the database if it exists already, for anything; nothing is written.

    Raises:
        TrackingError: it cannot be reached or used.
    """
    if is_absent(uri):
        return  # it is made with the first sweep
    if uri.startswith(EMBEDDED):
        require_usable(uri)
        return
    client = open_client(uri)
    with reaching(uri):
        client.search_experiments(max_results=1)


def _imported_client() -> Any:
    """MLflow's client. What a failed import leaves behind is cleared away, or no later one in this process would succeed.

    Ray pickles in the main thread while this one imports, and looks into every module that is there: two imports that
    wait for each other then see each other's modules half made.
    """
    try:
        from mlflow.tracking import MlflowClient
    except (ImportError, AttributeError):
        for name in [each for each in sys.modules if each.split(".")[0] == "mlflow"]:
            sys.modules.pop(name, None)
        from mlflow.tracking import MlflowClient
    return MlflowClient


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn whatever goes wrong on the way to the server into one error that says what to do."""
    try:
        yield
    except (TrackingError, ValueError):
        raise
    except Exception as error:  # MLflow lets errors of requests, SQLAlchemy and the file system through
        raise TrackingError(
            f"The tracking server {without_password(uri)} cannot be reached or refuses: {_reason(error, uri)}. Nothing is "
            "lost: runs are filled from the sweep's ledger when it is back. Start it, or correct MLFLOW_TRACKING_URI "
            "(unset: a database in the storage folder)."
        ) from error


def _reason(error: Exception, uri: str) -> str:
    """The heart of an error, without addresses and addresses of objects."""
    told = str(error)
    if "timed out" in told or "timeout=" in told:
        return f"no answer within {os.environ.get('MLFLOW_HTTP_REQUEST_TIMEOUT', '?')} seconds"
    if "NewConnectionError" in told or "NameResolutionError" in told:
        return "nothing answers at that address"
    return told.replace(uri, without_password(uri)).strip().split("\n")[0][:300].rstrip(".")


def without_password(uri: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = f"{parts.username}@{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return urlunsplit(parts._replace(netloc=host))
