"""The best network or ensemble as a registered MLflow model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import TrackingError
from orchestrator.exporting import export
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.mlflow import MlflowTracker, open_tracker

if TYPE_CHECKING:
    from orchestrator.tracking.mlflow.model import Registered

BEST = "best"


def register(storage: Storage, name: str, *, network: str | None = None, alias: str = BEST) -> Registered:
    """Register a network or ensemble of a sweep; done again for the same one, only the alias is set.

    The registered model has the sweep's name. Its run must have been mirrored: that is done here.

    Args:
        storage: the storage folder.
        name: of the sweep.
        network: name or key; None for the best network on val.
        alias: that names the version afterwards.

    Raises:
        ValueError: no such network, or none is complete.
        TrackingError: the tracking server cannot be reached.
    """
    from orchestrator.sweep.session import bring_up_to_date
    from orchestrator.tracking.mlflow.model import register as register_version
    from trainables.exported import load_exported

    store, ledger, tracker = Store(storage), Ledger(storage, name), open_tracker(storage, name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        chosen = export(store, ledger, folder, network=network)
        run_id = _run_of(tracker, chosen.key)
        if run_id is None:
            problem = bring_up_to_date(storage, name)
            run_id = _run_of(open_tracker(storage, name), chosen.key)
        if run_id is None:
            raise TrackingError(
                f"MLflow has no run of {chosen.name} ({chosen.key}), to which the model would belong. "
                f"{problem or 'Run `orchestrator audit` on the sweep.'}"
            )
        return register_version(
            tracker.uri,
            run_id=run_id,
            name=name,
            key=chosen.key,
            exported=folder,
            columns=load_exported(folder).columns(),
            alias=alias,
        )


def _run_of(tracker: MlflowTracker, key: str) -> str | None:
    return next((run.run_id for run in tracker.runs() if run.key == key), None)
