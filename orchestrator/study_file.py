"""The history of a search as a file that Optuna and optuna-dashboard open: a copy for looking, never the truth."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.results import objectives_of
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.sweep.records import past_trials
from search_spaces.objective import Objective

if TYPE_CHECKING:
    import optuna

SQLITE = (".db", ".sqlite", ".sqlite3")
JOURNAL = (".log", ".journal")


def write_study(ledger: Ledger, path: Path) -> int:
    """Write a sweep's draws into a new file.

    Each trial has its parameters with their distributions, its state, its objectives, the first objective after each epoch if
    there is only one, and as user attributes the name of its row, the key of its network and why it ended. Members of the deep
    ensemble are no draws, and left out.

    Args:
        ledger: of the sweep.
        path: `.db`, `.sqlite` or `.sqlite3` for a database, `.log` or `.journal` for Optuna's journal.

    Returns:
        How many trials it holds.

    Raises:
        ValueError: the file is there already, or its name says no format.
    """
    import optuna

    from search_spaces.study import as_frozen

    objectives = objectives_of(ledger.definition())
    rows = sorted((row for row in ledger.rows() if row.kind == "trial"), key=lambda row: row.number)
    storage = _storage(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        least, most = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
        directions = [least if each.mode == "min" else most for each in objectives]
        study = optuna.create_study(storage=storage, study_name=ledger.name, directions=directions)
        study.set_metric_names([each.metric for each in objectives])
    study.set_user_attr("sweep", ledger.name)
    for row, past in zip(rows, past_trials(rows, objectives), strict=True):
        study.add_trial(_told(as_frozen(past, len(objectives)), row, objectives))
    return len(rows)


def _storage(path: Path) -> optuna.storages.BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if path.suffix not in (*SQLITE, *JOURNAL):
        raise ValueError(
            f"--out {path}: the ending says the format: {', '.join(SQLITE)} for a database, {', '.join(JOURNAL)} for "
            "Optuna's journal."
        )
    if path.exists():
        raise ValueError(f"--out {path}: the file is there already. Name another one, or delete it.")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent}. Make it, or name another one.")
    if path.suffix in JOURNAL:
        return JournalStorage(JournalFileBackend(str(path)))
    return RDBStorage(f"sqlite:///{path.absolute()}")


def _told(trial: optuna.trial.FrozenTrial, row: Row, objectives: tuple[Objective, ...]) -> optuna.trial.FrozenTrial:
    """The trial with what people look for."""
    attributes = {"name": row.name, "network": row.key, "reason": row.reason, "goes on from": row.parent}
    trial.user_attrs = {name: text for name, text in attributes.items() if text}
    trial.datetime_start = datetime.datetime.fromtimestamp(row.started)
    if trial.state.is_finished():
        trial.datetime_complete = datetime.datetime.fromtimestamp(row.ended or row.started)
    if len(objectives) == 1:
        metric = objectives[0].metric
        trial.intermediate_values = {
            report.epoch: report.metrics[metric] for report in row.reports if metric in report.metrics
        }
    return trial
