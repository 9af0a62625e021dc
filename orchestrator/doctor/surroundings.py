"""What a sweep meets: the tracking server, the folder of weights, the sweeps that were left unfinished."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.counts import interval_of, trial_counts
from orchestrator.doctor.findings import Checked, Finding
from orchestrator.errors import StorageError, TrackingError
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger, ledgers
from orchestrator.tracking.mirror import pending
from orchestrator.tracking.mlflow import require_answer, tracking_uri, without_password


def check_tracking(storage: Storage, env: Mapping[str, str] = os.environ) -> Checked:
    """The tracking server answers, or the database in the storage folder can be used."""
    uri = tracking_uri(storage, env)
    facts = {"tracking": without_password(uri)}
    try:
        require_answer(uri)
    except (TrackingError, ValueError) as error:
        remedy = "Start the server, or correct or unset MLFLOW_TRACKING_URI. Sweeps run without it and fill it later."
        return Checked(facts=facts, findings=(Finding(kind="tracking", message=str(error), remedy=remedy),))
    return Checked(facts=facts)


def check_weights(env: Mapping[str, str] = os.environ) -> Checked:
    """The folder of weight files is there, if one is named."""
    named = env.get("ORCHESTRATOR_WEIGHTS", "")
    if not named:
        return Checked(notes=("ORCHESTRATOR_WEIGHTS is not set: networks start from random weights.",))
    folder = Path(named).absolute()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        message = f"ORCHESTRATOR_WEIGHTS names {folder}, which {what}."
        remedy = "Name the folder that holds the weight files, or unset it."
        return Checked(
            facts={"weights": str(folder)}, findings=(Finding(kind="weights", message=message, remedy=remedy),)
        )
    files = sum(path.is_file() for path in folder.iterdir())
    return Checked(facts={"weights": str(folder), "weight_files": files})


def check_sweeps(storage: Storage) -> Checked:
    """Ledgers can be read; sweeps that were left unfinished are told."""
    notes: list[str] = []
    findings: list[Finding] = []
    for ledger in ledgers(storage):
        try:
            notes += _notes(ledger)
        except StorageError as error:
            remedy = f"Restore the file from a backup, or remove {ledger.folder}."
            findings.append(Finding(kind="ledger", message=str(error), remedy=remedy))
    return Checked(facts={"sweeps": len(list(ledgers(storage)))}, findings=tuple(findings), notes=tuple(notes))


def _notes(ledger: Ledger) -> list[str]:
    state, definition = ledger.state(), ledger.definition()
    trials, interval = [row.state for row in ledger.rows() if row.kind == "trial"], interval_of(definition)
    counts = trial_counts(trials, wanted=definition["trials"], population=interval > 0)
    over = sum(counts.values()) - counts["running"]
    notes = []
    if state in ("interrupted", "failed"):
        told = f"{over} of {definition['trials']} {'members' if interval else 'trials'} are over"
        notes.append(f"The sweep {ledger.name} is {state}: {told}. The command that started it goes on with it.")
    if state != "running" and (why := pending(ledger)):
        notes.append(f"The tracking server lacks runs of {ledger.name}; its next start sends them. {why}")
    return notes
