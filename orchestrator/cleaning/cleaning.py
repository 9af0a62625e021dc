"""What goes when a storage is cleaned, found first and removed then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrator.cleaning.chains import Thinning, thinnings, uses_of
from orchestrator.cleaning.unnamed import unnamed_keys
from orchestrator.deletion import used_keys
from orchestrator.errors import StorageError
from orchestrator.memory import GIGABYTE
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger, ledgers
from orchestrator.storage.store import Store
from orchestrator.storage.stray import Stray

Part = TypeVar("Part", Stray, Thinning)


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What goes, with sizes in bytes.

    Attributes:
        sweeps: names of the sweeps that were looked at.
        before: of everything that they use.
        strays: what dead writers have left.
        thinnings: files of chains that nobody needs.
        unnamed: artifacts that no sweep of the storage names, with their sizes.
        remove_unnamed: whether these go too.
    """

    sweeps: tuple[str, ...]
    before: int
    strays: tuple[Stray, ...]
    thinnings: tuple[Thinning, ...]
    unnamed: dict[str, int]
    remove_unnamed: bool = False

    @property
    def freed(self) -> int:
        """Bytes that go."""
        rest = sum(self.unnamed.values()) if self.remove_unnamed else 0
        return self._of_sweeps + rest

    @property
    def after(self) -> int:
        """Bytes of what the sweeps use when all of it is gone."""
        return self.before - self._of_sweeps

    @property
    def _of_sweeps(self) -> int:
        return sum(each.bytes for each in self.strays) + sum(each.bytes for each in self.thinnings)

    def run(self, store: Store) -> None:
        """Remove it."""
        for stray in self.strays:
            store.clear_stray(stray)
        for each in self.thinnings:
            store.thin(each.step, each.names)
        for key in self.unnamed if self.remove_unnamed else ():
            store.delete(key)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "sweeps": list(self.sweeps),
            "bytes_before": self.before,
            "bytes_after": self.after,
            "bytes_freed": self.freed,
            "dead_attempts": [f"{each.key}/{each.attempt}" for each in self.strays],
            "thinned": {each.step: list(each.names) for each in self.thinnings},
            "unnamed": self.unnamed,
            "unnamed_removed": self.remove_unnamed,
        }


def find_cleaning(
    storage: Storage, sweeps: Sequence[Ledger], *, keep_gb: float = 0.0, remove_unnamed: bool = False
) -> Cleaning:
    """Look at sweeps whose locks are held here.

    Args:
        storage: the storage.
        sweeps: those to clean.
        keep_gb: nothing goes that need not for the sweeps to take so many gigabytes; 0 takes all that can go.
        remove_unnamed: also take what no sweep names.

    Raises:
        StorageError: what no sweep names cannot be told while a sweep runs, which may name it in a moment.
    """
    store = Store(storage)
    names = {ledger.name for ledger in sweeps}
    everyone = list(ledgers(storage))
    running = [ledger.name for ledger in everyone if ledger.name not in names and ledger.holder() is not None]
    if remove_unnamed and running:
        raise StorageError(
            f"--unnamed: {', '.join(running)} runs, and what it has just made may not be named yet. Wait for its end."
        )
    keys = sorted({key for ledger in sweeps for key in used_keys(store, ledger)})
    unnamed = [] if running else unnamed_keys(store)
    strays = [stray for key in keys for stray in store.strays(key) if stray.is_dead(calm=not running)]
    chains = [key for key in keys if key.startswith("fit-")]
    before = sum(store.size(key) for key in keys)
    spare = before - keep_gb * GIGABYTE if keep_gb else before
    chosen = _enough(strays, spare)
    left = spare - sum(stray.bytes for stray in chosen)
    largest = sorted(thinnings(store, uses_of(everyone, names), chains), key=lambda each: -each.bytes)
    return Cleaning(
        sweeps=tuple(sorted(names)),
        before=before,
        strays=tuple(chosen),
        thinnings=tuple(_enough(largest, left)),
        unnamed={key: store.size(key) for key in unnamed},
        remove_unnamed=remove_unnamed,
    )


def _enough(parts: Iterable[Part], wanted: float) -> list[Part]:
    """The first ones that free so many bytes."""
    chosen: list[Part] = []
    for part in parts:
        if wanted <= 0:
            break
        chosen.append(part)
        wanted -= part.bytes
    return chosen
