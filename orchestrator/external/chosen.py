"""Which networks of a sweep answer: the best one, chosen on val, its ensembles, or the one that a user names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.results import best_row, objectives_of
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from trainables.spec import nearest


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A network or an ensemble.

    Attributes:
        key: of the network or of the ensemble's result.
        kind: `trial`, `member` (best configuration, another seed) or `ensemble`.
        name: `trial-0003`, `member-0001`, `ensemble_top_5`.
        members: keys of the networks that answer; one for a network.
    """

    key: str
    kind: Literal["trial", "member", "ensemble"]
    name: str
    members: tuple[str, ...]


def best_network(store: Store, ledger: Ledger) -> Chosen:
    """The completed trial that is best on val by the first objective; the earlier one of equals.

    Raises:
        ValueError: no trial is complete.
    """
    objective = objectives_of(ledger.definition())[0]
    best = best_row(_complete(store, ledger), objective)
    if best is None:
        raise ValueError(
            f"The sweep {ledger.name!r} has no completed trial with a value of {objective.metric}, so there is no best "
            f"network. Go on with it (the same `orchestrator sweep` again), or look at `orchestrator status {ledger.name}`."
        )
    return _network(best)


def networks(store: Store, ledger: Ledger, *, every_trial: bool = False) -> list[Chosen]:
    """The best network first, then its further seeds and the members of the ensembles, or every completed network.

    With `every_trial` trials are there that are neither the best nor in an ensemble. A network that was drawn twice is
    there once.
    """
    best = best_network(store, ledger)
    pooled = {member for each in ensembles(store, ledger) for member in each.members}
    found = {best.key: best}
    for row in _complete(store, ledger):
        if every_trial or row.kind == "member" or row.key in pooled:
            found.setdefault(row.key, _network(row))
    return list(found.values())


def ensembles(store: Store, ledger: Ledger) -> list[Chosen]:
    """The ensembles that are not superseded and have their result."""
    return [
        Chosen(key=key, kind="ensemble", name=plain["name"], members=tuple(plain["members"]))
        for key, plain in ledger.ensembles().items()
        if not plain["superseded"] and store.exists(key)
    ]


def missing_ensembles(store: Store, ledger: Ledger) -> list[str]:
    """Names of the ensembles that were formed and have no result yet."""
    current = {key: plain["name"] for key, plain in ledger.ensembles().items() if not plain["superseded"]}
    return [name for key, name in current.items() if not store.exists(key)]


def named(store: Store, ledger: Ledger, name: str) -> Chosen:
    """The network or ensemble of a name (`trial-0003`, `ensemble_seeds_4`) or key.

    Raises:
        ValueError: there is none, or it is not complete.
    """
    known = [*map(_network, _complete(store, ledger)), *ensembles(store, ledger)]
    for each in known:
        if name in (each.name, each.key):
            return each
    for row in ledger.rows():
        if name in (row.name, row.key):
            why = f"is {row.state}" if row.state != "completed" else "has lost its files"
            raise ValueError(
                f"--with {name}: {row.name} {why}, and only a completed network predicts. Take another one."
            )
    raise ValueError(
        f"--with {name}: the sweep {ledger.name!r} has no network or ensemble of that name or key. "
        f"{nearest(name, [each.name for each in known])}"
    )


def _complete(store: Store, ledger: Ledger) -> list[Row]:
    return [row for row in ledger.rows() if row.state == "completed" and store.exists(row.key)]


def _network(row: Row) -> Chosen:
    return Chosen(key=row.key, kind=row.kind, name=row.name, members=(row.key,))
