"""Where the runs are kept: a server that the user names, or a database in the storage folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import TrackingError
from orchestrator.storage.address import Storage
from orchestrator.storage.places import place_of as storage_of

if TYPE_CHECKING:
    from orchestrator.tracking.mlflow.view import Pages

EMBEDDED = "sqlite:///"


def tracking_uri(storage: Storage, env: Mapping[str, str] = os.environ) -> str:
    """`MLFLOW_TRACKING_URI` if it is set, else the database in the storage folder; of a bucket beside this machine's copies."""
    return env.get("MLFLOW_TRACKING_URI") or f"{EMBEDDED}{storage_of(storage).local / 'mlflow.db'}"


def artifact_root(storage: Storage, uri: str) -> str | None:
    """Folder of the runs' files for the embedded database; None leaves them to the server."""
    return str(storage_of(storage).local / "mlartifacts") if uri.startswith(EMBEDDED) else None


def runs_elsewhere(storage: Storage, env: Mapping[str, str] = os.environ) -> str:
    """Why nothing can be said of the runs here; empty where they can be asked for.

    A bucket holds no database: without a server it lies on the machine whose driver ran the sweep.
    """
    uri = tracking_uri(storage, env)
    if not (storage_of(storage).remote and is_absent(uri)):
        return ""
    return (
        f"the MLflow runs are not on this machine ({uri.removeprefix(EMBEDDED)} does not exist), so they are unchecked. Call "
        "this where the sweep ran, or name a server in MLFLOW_TRACKING_URI for all machines."
    )


def place_of(uri: str) -> str:
    """The address, and of a database in a file which file it is: a new one in its place is empty."""
    if not uri.startswith(EMBEDDED):
        return uri
    return f"{uri} {'absent' if is_absent(uri) else Path(uri.removeprefix(EMBEDDED)).stat().st_ino}"


def is_absent(uri: str) -> bool:
    """Whether the runs lie in a database file that does not exist yet."""
    return uri.startswith(EMBEDDED) and not Path(uri.removeprefix(EMBEDDED)).exists()


def sweep_pages(uri: str, address: str, most: int = 10) -> list[Pages]:
    """The addresses of the newest experiments of the embedded database; none of a server's."""
    from orchestrator.tracking.mlflow.view import pages_of

    if not uri.startswith(EMBEDDED) or is_absent(uri):
        return []
    asked = (
        "SELECT name, experiments.experiment_id FROM experiments JOIN experiment_tags "
        "ON experiments.experiment_id = experiment_tags.experiment_id "
        "WHERE key = 'mlflow.experimentKind' AND lifecycle_stage = 'active' ORDER BY last_update_time DESC LIMIT ?"
    )
    try:
        with closing(sqlite3.connect(uri.removeprefix(EMBEDDED), timeout=5)) as database:
            found = database.execute(asked, (most,)).fetchall()
    except sqlite3.Error:  # of another version of MLflow: the pages are found by hand
        return []
    return [pages_of(address, str(number), str(name)) for name, number in found]


def require_usable(uri: str) -> None:
    """Refuse a database file that cannot be opened, which MLflow would try for minutes.

    Raises:
        TrackingError: it is no database, or its folder cannot be written.
    """
    if not uri.startswith(EMBEDDED):
        return
    path = Path(uri.removeprefix(EMBEDDED))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=5)) as database:
            database.execute("PRAGMA schema_version").fetchone()
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} is not writable")
    except (OSError, sqlite3.Error) as error:
        raise TrackingError(
            f"The tracking database {path} cannot be used: {error}. Move it away to have a new one filled from the sweep's "
            "ledger, choose another --storage, or name a server in MLFLOW_TRACKING_URI."
        ) from error
