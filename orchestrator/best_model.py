"""The best network of a finished sweep in MLflow's model registry, without anybody asking for it.

It is done by the process that mirrors the runs, when these have arrived. A note in the sweep's folder says which network was
registered where, so that a start that finds nothing new asks nobody.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from orchestrator.errors import TrackingError
from orchestrator.external.chosen import Chosen, best_network
from orchestrator.storage.address import Storage
from orchestrator.storage.files import replace as replace_file
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import MissingArtifact, Store
from orchestrator.tracking.mirror import REGISTERED
from orchestrator.tracking.mlflow import open_tracker

MOST_ATTEMPTS = 2
SWITCH = "register"
"""In a sweep's request; absent means that its best network is registered."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What became of the best network.

    Attributes:
        place: of the tracking server.
        key, name: of the network.
        attempts: that were begun.
        uri: what `mlflow.pyfunc.load_model` takes; empty if it is not registered.
        version: of the registered model.
        problem: why it is not registered, and will not be by itself.
    """

    place: str
    key: str
    name: str
    attempts: int = 0
    uri: str = ""
    version: str = ""
    problem: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.uri or self.problem)

    def told(self) -> str:
        """In a line."""
        if self.uri:
            return f"{self.uri}  ({self.name}, version {self.version})"
        return f"not registered: {self.problem}"


class BestModel:
    """Registers the best network of one sweep when the sweep is finished, once a network and server.

    Args:
        storage: the storage folder.
        name: of the sweep.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._ledger = Ledger(storage, name)

    def sync(self) -> None:
        """Register what is not registered yet.

        What keeps the network from being registered is noted and never an error.

        Raises:
            TrackingError: the server is away; the sweep's next start does it.
        """
        chosen = self._wanted()
        if chosen is None:
            return
        fresh = Note(place=open_tracker(self._storage, self._ledger.name).place(), key=chosen.key, name=chosen.name)
        before = read_note(self._ledger) or fresh
        if (before.place, before.key) != (fresh.place, fresh.key):
            before = fresh
        if not before.settled:
            self._write(self._attempted(before))

    def _wanted(self) -> Chosen | None:
        ledger = self._ledger
        if ledger.state() != "finished" or not ledger.definition().get("request", {}).get(SWITCH, True):
            return None
        try:
            return best_network(Store(self._storage), ledger)
        except ValueError:  # every trial has failed
            return None

    def _attempted(self, before: Note) -> Note:
        from orchestrator.registration import register

        if before.attempts >= MOST_ATTEMPTS:  # a large network on a slow line, for which no sweep shall wait again
            problem = f"{MOST_ATTEMPTS} attempts did not end in time. `orchestrator register {self._ledger.name}` takes its time."
            return replace(before, problem=problem)
        self._write(replace(before, attempts=before.attempts + 1))
        try:
            done = register(self._storage, self._ledger.name, yielding=True)
        except TrackingError:
            self._write(before)  # a server that is away may be asked as often as one likes
            raise
        except ValueError as error:
            return replace(before, problem=" ".join(str(error).split()))
        except (FileNotFoundError, MissingArtifact) as error:  # `gc`, or somebody's hand
            return replace(before, problem=f"a file of the network is gone: {' '.join(str(error).split())}")
        return replace(before, uri=done.uri, version=done.version)

    def _write(self, note: Note) -> None:
        replace_file(self._ledger.folder / REGISTERED, json.dumps(asdict(note)))


def read_note(ledger: Ledger) -> Note | None:
    """What became of the sweep's best network; None if nothing was tried yet."""
    try:
        return Note(**json.loads((ledger.folder / REGISTERED).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
