"""The best network or ensemble as a registered MLflow model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import TrackingError
from orchestrator.exporting import CARD, export
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.mlflow import open_tracker
from orchestrator.tracking.protocol import RunRecord

if TYPE_CHECKING:
    from orchestrator.tracking.mlflow.model import Registered

BEST = "best"


def register(
    storage: Storage, name: str, *, network: str | None = None, alias: str = BEST, yielding: bool = False
) -> Registered:
    """Register a network or ensemble of a sweep; done again for the same one, only the alias is set.

    The registered model has the sweep's name. Its run must have been mirrored: that is done here.

    Args:
        storage: the storage folder.
        name: of the sweep.
        network: name or key; None for the best network on val.
        alias: that names the version afterwards.
        yielding: leave an alias alone that names a version of another sweep of that name.

    Raises:
        ValueError: no such network, none is complete, or the alias is left alone.
        TrackingError: the tracking server cannot be reached.
    """
    from orchestrator.tracking.mlflow.model import register as register_version
    from trainables.exported import exported_columns

    store, ledger = Store(storage), Ledger(storage, name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        chosen = export(store, ledger, folder, network=network)
        run, runs = _mirrored(storage, name, chosen.key, chosen.name)
        tracker = open_tracker(storage, name)
        return register_version(
            tracker.uri,
            run_id=run.run_id,
            sweep=tracker.sweep,
            run_ids=[each.run_id for each in runs],
            name=name,
            key=chosen.key,
            exported=folder,
            columns=exported_columns(folder),
            alias=alias,
            description=(folder / CARD).read_text("utf-8"),
            yielding=yielding,
        )


def _mirrored(storage: Storage, name: str, key: str, called: str) -> tuple[RunRecord, list[RunRecord]]:
    """The run of a key, among all runs of its sweep; if there is none, they are sent first."""
    from orchestrator.sweep.session import bring_up_to_date

    problem = ""
    for is_last in (False, True):
        runs = open_tracker(storage, name).runs()
        for run in runs:
            if run.key == key:
                return run, runs
        if not is_last:
            problem = bring_up_to_date(storage, name)
    raise TrackingError(
        f"MLflow has no run of {called} ({key}), to which the model would belong. "
        f"{problem or 'Run `orchestrator audit` on the sweep.'}"
    )
