"""The chain of epochs of a trial in the store, and where its first weights lie."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store


def step_name(epoch: int) -> str:
    """Name of an epoch inside its chain."""
    return f"epoch-{epoch:04d}"


def stored_reports(store: Store, fit_key: str) -> list[Report]:
    """The reports of a chain's committed epochs, in order."""
    return [Report(**store.manifest(step).meta["report"]) for step in store.steps(fit_key)]


def weights_folder() -> Path | None:
    """The folder of local weight files that the user named, if any."""
    named = os.environ.get("ORCHESTRATOR_WEIGHTS", "")
    return Path(named).absolute() if named else None
