"""Which networks of a sweep answer: the best one, chosen on val, its ensembles, or the one that a user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.results import best_row, objectives_of, result_rows
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
        members: keys of the networks that answer; one for a network. One that a selection took twice is there twice.
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


def best_ensemble(store: Store, ledger: Ledger) -> Chosen:
    """The ensemble of two networks or more that is best on val by the first objective; the first of equals.

    Raises:
        ValueError: there is none.
    """
    objective = objectives_of(ledger.definition())[0]
    values = {
        row.key: row.metrics.get(objective.metric) for row in result_rows(store, ledger) if row.kind == "ensemble"
    }
    known = [each for each in ensembles(store, ledger) if len(set(each.members)) > 1]
    if not known:
        raise ValueError(
            f"The sweep {ledger.name!r} has no ensemble of two networks or more, so there are no members. Let it train some: "
            f"`orchestrator posthoc {ledger.name} --tasks ensemble_top_4`."
        )
    scored = [each for each in known if values.get(each.key) is not None]
    return min(scored, key=lambda each: objective.signed(values[each.key] or 0.0), default=known[0])


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
    """The ensembles that are not superseded and have their result.

    One that pools the results of a task, such as Laplace posteriors, is left out: it answers for the sweep's own images only.
    """
    return [
        Chosen(key=key, kind="ensemble", name=plain["name"], members=_members(store, key, plain["members"]))
        for key, plain in ledger.ensembles().items()
        if not plain["superseded"] and not plain["task"].get("of") and store.exists(key)
    ]


def _members(store: Store, key: str, given: Sequence[str]) -> tuple[str, ...]:
    chosen = store.manifest(key).meta.get("details", {}).get("chosen", {})
    return tuple(member for member, count in chosen.items() for _ in range(count)) or tuple(given)


def missing_ensembles(store: Store, ledger: Ledger) -> list[str]:
    """Names of the ensembles that were formed and have no result yet."""
    known = ledger.ensembles().items()
    current = {key: plain["name"] for key, plain in known if not plain["superseded"] and not plain["task"].get("of")}
    return [name for key, name in current.items() if not store.exists(key)]


def left_out_ensembles(store: Store, ledger: Ledger) -> list[str]:
    """Why ensembles of the sweep are not among `ensembles`, a sentence each."""
    missing = [f"{name} has no result yet and is left out." for name in missing_ensembles(store, ledger)]
    kept = [f"{name} pools the results of a task and is left out." for name in _of_results(ledger)]
    return missing + kept


def _of_results(ledger: Ledger) -> list[str]:
    known = ledger.ensembles().values()
    return [plain["name"] for plain in known if plain["task"].get("of") and not plain["superseded"]]


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
            if row.state == "completed":
                raise ValueError(
                    f"--with {name}: {row.name} has lost its files. `orchestrator audit {ledger.name} --mend`, and the sweep's "
                    "next start makes them anew; or take another network."
                )
            raise ValueError(
                f"--with {name}: {row.name} is {row.state}, and only a completed network predicts. Take another one."
            )
    if name in _of_results(ledger):
        raise ValueError(
            f"--with {name}: it pools the results of a task on the sweep's own images, and says nothing of others. Take one "
            f"of {', '.join(each.name for each in known)}."
        )
    raise ValueError(
        f"--with {name}: the sweep {ledger.name!r} has no network or ensemble of that name or key. "
        f"{nearest(name, [each.name for each in known])}"
    )


def _complete(store: Store, ledger: Ledger) -> list[Row]:
    return [row for row in ledger.rows() if row.state == "completed" and store.exists(row.key)]


def _network(row: Row) -> Chosen:
    return Chosen(key=row.key, kind=row.kind, name=row.name, members=(row.key,))
