"""What a sweep knows: its definition and one row for every trial and member, as JSON files in the store.

The ledger is the truth about a sweep: Tune and MLflow hold copies that are made from it. A row is one small file that is
replaced as a whole, so that a kill leaves the row before or the row after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage
from orchestrator.storage.place import Lock
from orchestrator.storage.places import place_of
from orchestrator.storage.rows import Report as Report
from orchestrator.storage.rows import Row as Row
from orchestrator.storage.rows import RowKind as RowKind
from orchestrator.storage.rows import SweepState as SweepState
from orchestrator.storage.rows import TrialState as TrialState


class Ledger:
    """The files of one sweep below `sweeps/<name>` of the storage.

    A driver that has lost the sweep's lock writes nothing: every write asks the lock first.

    Args:
        storage: the storage folder, or a bucket's address.
        name: name of the sweep.

    Attributes:
        storage: names the storage in any process.
        folder: the sweep's folder on this machine; of a bucket only what need not be shared lies there, such as pages.

    Raises:
        ValueError: a name that no sweep can have.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        if not name or "/" in name or "\\" in name or name in (".", ".."):
            raise ValueError(f"{name!r} is no name of a sweep. See the sweeps there are with `orchestrator status`.")
        self.name = name
        self._place = place_of(storage)
        self.storage = self._place.storage
        self._home = f"sweeps/{name}"
        self.folder = self._place.path(self._home)

    @cached_property
    def lock(self) -> Lock:
        """The lock that a driver takes."""
        return self._place.lock(f"{self._home}/lock")

    def holder(self) -> dict[str, Any] | None:
        """Who runs the sweep now (`pid`, `host`, `since`), or None."""
        return self._place.holder(f"{self._home}/lock")

    def exists(self) -> bool:
        """Whether a sweep of that name was ever started here."""
        return self._place.has(f"{self._home}/sweep.json")

    def definition(self) -> dict[str, Any]:
        """What the sweep was started with."""
        return self._read("sweep.json")

    def write_definition(self, definition: dict[str, Any]) -> None:
        """Record what the sweep is started with."""
        self._write("sweep.json", json.dumps(definition, indent=1, allow_nan=False))

    def forget(self) -> None:
        """Take back the definition of a sweep that could not begin."""
        self._place.remove(f"{self._home}/sweep.json")

    def delete(self) -> None:
        """Remove everything that is known of the sweep."""
        self._place.remove_all(self._home)

    def rows(self) -> list[Row]:
        """All rows: trials by number, then members by number."""
        texts = self._place.read_all(f"{self._home}/rows/trial-*.json")
        texts |= self._place.read_all(f"{self._home}/rows/member-*.json")
        return [_row(self._parsed(name, text)) for name, text in texts.items()]

    def write_row(self, row: Row) -> None:
        """Record a row as it stands."""
        self._write(f"rows/{row.name}.json", json.dumps(asdict(row), allow_nan=False))

    def outcome(self) -> dict[str, Any]:
        """How the last driver ended: `{"state", "message", "time"}`; empty before the first end."""
        text = self.noted("outcome.json")
        return self._parsed(f"{self._home}/outcome.json", text) if text else {}

    def write_outcome(self, state: SweepState, message: str = "") -> None:
        """Record how the driver ended."""
        self._write("outcome.json", json.dumps({"state": state, "message": message, "time": time.time()}))

    def state(self) -> SweepState:
        """`running` while a driver lives, else what the last one left; a driver that died left it `interrupted`."""
        if self.holder() is not None:
            return "running"
        state: SweepState = self.outcome().get("state", "interrupted")
        return "interrupted" if state == "running" else state

    def failures(self) -> dict[str, dict[str, Any]]:
        """Post-hoc tasks that failed, by key: `{"task", "members", "error", "time"}`."""
        return self._by_key("failures")

    def write_failure(self, key: str, failure: dict[str, Any]) -> None:
        """Record that a post-hoc task failed."""
        self._write(f"failures/{key}.json", json.dumps({**failure, "time": time.time()}))

    def clear_failure(self, key: str) -> None:
        """Forget a failure, because the task is tried again or has come through."""
        self._place.remove(f"{self._home}/failures/{key}.json")

    def ensembles(self) -> dict[str, dict[str, Any]]:
        """Ensembles that were formed, by key: `{"task", "name", "members", "superseded"}`."""
        return self._by_key("ensembles")

    def write_ensemble(self, key: str, ensemble: dict[str, Any]) -> None:
        """Record an ensemble's members."""
        self._write(f"ensembles/{key}.json", json.dumps(ensemble))

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Evaluations on other data folders, by key; see `orchestrator.external.evaluation.Evaluation.to_plain`."""
        return self._by_key("evaluations")

    def write_evaluation(self, key: str, evaluation: dict[str, Any]) -> None:
        """Record an evaluation; its content is fixed by its key."""
        self._write(f"evaluations/{key}.json", json.dumps(evaluation, allow_nan=False))

    def explanations(self) -> dict[str, dict[str, Any]]:
        """Images of a user's own that were explained, by key; see `orchestrator.external.explanation.Explanation`."""
        return self._by_key("explanations")

    def write_explanation(self, key: str, explanation: dict[str, Any]) -> None:
        """Record an explanation; its content is fixed by its key."""
        self._write(f"explanations/{key}.json", json.dumps(explanation, allow_nan=False))

    def noted(self, name: str) -> str:
        """A note about the sweep; empty where there is none."""
        try:
            return self._place.read(f"{self._home}/{name}")
        except OSError:
            return ""

    def note(self, name: str, text: str) -> None:
        """Leave a note about the sweep; an empty text takes it back."""
        if text:
            self._write(name, text)
        else:
            self._place.remove(f"{self._home}/{name}")

    def updated(self) -> float:
        """When anything was last written, seconds since 1970."""
        return self._modified("sweep.json", "outcome.json", "rows/*.json")

    def changed(self) -> float:
        """When results last changed, seconds since 1970."""
        return self._modified("outcome.json", "rows/*.json", "ensembles/*.json")

    def _modified(self, *patterns: str) -> float:
        return self._place.modified(*(f"{self._home}/{pattern}" for pattern in patterns))

    def _write(self, name: str, text: str) -> None:
        self.lock.require()
        self._place.write(f"{self._home}/{name}", text)

    def _by_key(self, kind: str) -> dict[str, dict[str, Any]]:
        texts = self._place.read_all(f"{self._home}/{kind}/*.json")
        return {Path(name).stem: self._parsed(name, text) for name, text in texts.items()}

    def _read(self, name: str) -> dict[str, Any]:
        full = f"{self._home}/{name}"
        try:
            return self._parsed(full, self._place.read(full))
        except OSError as error:
            raise self._unreadable(full, error) from error

    def _parsed(self, name: str, text: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise self._unreadable(name, error) from error
        return value

    def _unreadable(self, name: str, error: Exception) -> StorageError:
        return StorageError(f"{self._place.where(name)} cannot be read: {error}. Restore it, or delete the sweep.")


def ledgers(storage: Storage) -> Iterator[Ledger]:
    """The sweeps in a storage, the newest first."""
    found = [Ledger(storage, name.split("/")[1]) for name in place_of(storage).find("sweeps/*/sweep.json")]
    yield from sorted(found, key=lambda ledger: ledger.updated(), reverse=True)


def _row(plain: dict[str, Any]) -> Row:
    reports = [Report(**report) for report in plain.pop("reports")]
    return Row(**plain, reports=reports)
