"""From a trial's description to the keys of what it needs, with the data decoded into the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import StorageError
from orchestrator.storage.store import Store
from orchestrator.trial import weights_folder
from trainables.spec import DataSpec, Split, Timm, TrialSpec, data_key, fit_key, network_key

if TYPE_CHECKING:
    from trainables.data.prepare import DataSource


@dataclass(frozen=True, kw_only=True)
class TrialKeys:
    """Keys of a trial: its data, its chain of epochs, its network."""

    data: str
    fit: str
    network: str


class Preparation:
    """Prepares data sets once and remembers their keys.

    Args:
        store: where the decoded data go.
        source: where the files lie.
        on_progress: told how many of how many images are decoded.
    """

    def __init__(self, store: Store, source: DataSource, on_progress: Callable[[int, int], None] | None = None) -> None:
        self.store = store
        self.source = source
        self._on_progress = on_progress
        self._data_keys: dict[tuple[DataSpec, Split], str] = {}
        self._fingerprints: dict[DataSpec, list[str]] = {}

    def keys(self, spec: TrialSpec) -> TrialKeys:
        """Keys of a trial; its data are in the store when this returns."""
        data = self.data(spec.data, spec.split)
        inputs = [data, *self._weights(spec)]
        return TrialKeys(data=data, fit=fit_key(spec, inputs), network=network_key(spec, inputs))

    def data(self, spec: DataSpec, split: Split) -> str:
        """Key of a decoded and split data set, which is in the store when this returns."""
        known = self._data_keys.get((spec, split))
        if known is None:
            known = data_key(spec, split, self.fingerprints(spec))
            if not self.store.exists(known):
                self._decode(spec, split, known)
            self._data_keys[spec, split] = known
        return known

    def fingerprints(self, spec: DataSpec) -> list[str]:
        """Content of the files behind a data set, as hashes."""
        from trainables.data.prepare import fingerprints

        if spec not in self._fingerprints:
            cache = self.store.root / "cache" / "fingerprints.json"
            self._fingerprints[spec] = fingerprints(spec, self.source, cache)
        return self._fingerprints[spec]

    def _decode(self, spec: DataSpec, split: Split, key: str) -> None:
        from trainables.data.prepare import prepare

        attempt = self.store.begin(key)
        try:
            prepare(spec, split, self.source, attempt.folder, self._on_progress)
        except OSError as error:
            attempt.abandon()
            raise StorageError(f"The decoded images could not be stored: {error}") from error
        except BaseException:
            attempt.abandon()  # decoded images are large, and every start would leave some more
            raise
        attempt.commit({"kind": spec.kind})

    def _weights(self, spec: TrialSpec) -> list[str]:
        if not isinstance(spec.model, Timm) or spec.model.weights is None:
            return []
        from trainables.models.timm_classifier import weights_fingerprint

        return [weights_fingerprint(spec.model.weights, weights_folder())]


def named_folder(path: Path | None) -> str:
    """Weights folder for a worker."""
    return str(path) if path else ""
