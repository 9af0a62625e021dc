"""Which files of the chains of epochs nobody needs any more.

Of a chain whose network is committed only weights stay: of the best epoch, from which a damaged network is made again, and of
the ends of cycles. Of one that was stopped or failed its last state stays too, because a later start may go on from it. What
a population goes on from stays whole, and so does everything of a trial that runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.chain import step_name
from orchestrator.counts import interval_of
from orchestrator.storage.ledger import Ledger, Report, Row
from orchestrator.storage.store import Store
from trainables.spec import TrialSpec, from_plain
from trainables.spec.files import OPTIMIZER, WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Thinning:
    """Files of one epoch that can go.

    Attributes:
        step: key of the epoch.
        names: of its files.
        bytes: of those that are there.
    """

    step: str
    names: tuple[str, ...]
    bytes: int


@dataclass
class Uses:
    """What the sweeps of a storage need of their chains.

    Attributes:
        rows: of every sweep, by key of a chain.
        parents: epochs that members of a population go on from.
        intervals: of the populations that a chain belongs to.
        foreign: chains of sweeps that somebody else runs now.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)
    intervals: dict[str, set[int]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)

    def add(self, definition: dict[str, Any], rows: Iterable[Row], *, foreign: bool) -> None:
        """Take a sweep's rows in."""
        interval = interval_of(definition)
        for row in rows:
            self.parents |= {row.parent} if row.parent else set()
            for chain in row.chains:
                self.rows.setdefault(chain, []).append(row)
                if interval:
                    self.intervals.setdefault(chain, set()).add(interval)
                if foreign:
                    self.foreign.add(chain)


def uses_of(ledgers: Iterable[Ledger], mine: Collection[str]) -> Uses:
    """The uses of every sweep.

    Args:
        ledgers: of the storage.
        mine: names of the sweeps whose locks are held here.
    """
    found = Uses()
    for ledger in ledgers:
        foreign = ledger.name not in mine and ledger.holder() is not None
        found.add(ledger.definition(), ledger.rows(), foreign=foreign)
    return found


def thinnings(store: Store, uses: Uses, chains: Sequence[str]) -> Iterator[Thinning]:
    """What can go of these chains."""
    for chain in chains:
        rows = uses.rows.get(chain, [])
        if rows and chain not in uses.foreign and all(row.state != "running" for row in rows):
            yield from _of_chain(store, uses, chain, rows)


def _of_chain(store: Store, uses: Uses, chain: str, rows: Sequence[Row]) -> Iterator[Thinning]:
    steps = store.steps(chain)
    if not steps:
        return
    last = Report(**store.manifest(steps[-1]).meta["report"])
    complete = last.finished and all(store.exists(_network(row, chain)) for row in rows)
    whole = set() if complete else {next((step for step in reversed(steps) if store.exists(step)), steps[-1])}
    whole |= uses.parents.intersection(steps)
    whole |= {
        f"{chain}/{step_name(n)}" for each in uses.intervals.get(chain, ()) for n in range(each, last.epoch, each)
    }
    weighed = {f"{chain}/{step_name(epoch)}" for epoch in _epochs_with_weights(chain, rows, last)}
    for step in steps:
        if step in whole or not store.exists(step):
            continue
        files = store.manifest(step).files
        wanted = (OPTIMIZER,) if step in weighed else (OPTIMIZER, WEIGHTS)
        names = tuple(name for name in wanted if name in files and name not in store.thinned(step))
        if names:
            yield Thinning(step=step, names=names, bytes=sum(int(files[name]["bytes"]) for name in names))


def _network(row: Row, chain: str) -> str:
    return row.key if row.fit_key == chain else row.first_key


def _epochs_with_weights(chain: str, rows: Sequence[Row], last: Report) -> set[int]:
    """Epochs whose weights somebody may ask for: the best, those of stopped trials, ends of cycles."""
    epochs = {last.best_epoch}
    for row in rows:
        spec: TrialSpec = from_plain(TrialSpec, row.spec)
        own = row.fit_key == chain
        trained = spec if own else spec.first_trial
        epochs |= set(trained.schedule.cycle_ends) if trained else set()
        if own and row.reports:
            epochs.add(row.reports[-1].best_epoch)
    return epochs
