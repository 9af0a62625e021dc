"""What a sweep was started with, and whether a later start means the same sweep."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.provenance import git_commit, versions
from orchestrator.storage.ledger import Ledger
from search_spaces.overrides import Overrides
from search_spaces.scale import Difference
from search_spaces.sweep import Sweep
from trainables.spec import to_plain

IDENTITY = ("space", "objectives", "searcher", "scheduler", "seed", "overrides", "fingerprints", "scale")


def define(
    sweep: Sweep,
    overrides: Overrides,
    *,
    name: str,
    data: str,
    fingerprints: Sequence[str],
    request: Mapping[str, Any],
    differences: Sequence[Difference] = (),
) -> dict[str, Any]:
    """The definition as JSON values.

    Args:
        sweep: the experiment, with the user's options in it.
        overrides: fixed values.
        name: name of the sweep.
        data: the data folder, for people.
        fingerprints: content of the data, for identity.
        request: what the user asked for, so that later commands need the sweep's name only.
        differences: from the paper, where the sweep is one's.
    """
    return {
        "name": name,
        "space": sweep.name,
        "objectives": [asdict(objective) for objective in sweep.objectives],
        "searcher": sweep.searcher,
        "scheduler": to_plain(sweep.scheduler),
        "seed": sweep.seed,
        "trials": sweep.trials,
        "member_seeds": sweep.member_seeds,
        "posthoc": [to_plain(task) for task in sweep.posthoc],
        "resources": asdict(sweep.resources),
        "overrides": overrides.to_plain(),
        "data": data,
        "fingerprints": list(fingerprints),
        "request": dict(request),
        "scale": request.get("scale", "paper"),
        "differences": [asdict(each) for each in differences],
        "description": sweep.description,
        "created": time.time(),
        "versions": versions(),
        "commit": git_commit(),
    }


def settle(ledger: Ledger, wanted: dict[str, Any]) -> None:
    """Write the definition of a new sweep, or widen that of an old one; `require_same` has let it pass."""
    created = ledger.definition()["created"] if ledger.exists() else wanted["created"]
    ledger.write_definition({**wanted, "created": created})


def require_same(ledger: Ledger, wanted: dict[str, Any]) -> None:
    """Refuse a start that means another sweep than the one of that name. A sweep that has drawn nothing may be any.

    Raises:
        ValueError: the name belongs to another sweep, or fewer trials are asked for than there are.
    """
    if not ledger.exists() or not ledger.rows():
        return
    before = ledger.definition()
    differences = [name for name in IDENTITY if _of(before, name) != _of(wanted, name)]
    if differences:
        raise ValueError(_refusal(ledger, before, wanted, differences))
    if wanted["trials"] != before["trials"] and (wanted["scheduler"] or {}).get("kind") == "pbt":
        raise ValueError(
            f"The sweep {ledger.name!r} is a population of {before['trials']} that was compared as it is; --trials "
            f"{wanted['trials']} would be another one. Leave --trials out, or give another --name."
        )
    if wanted["trials"] < before["trials"]:
        raise ValueError(
            f"The sweep {ledger.name!r} has {before['trials']} trials, and --trials {wanted['trials']} asks for fewer. Trials "
            f"are not taken back: ask for {before['trials']} or more, or give another --name."
        )


def _refusal(ledger: Ledger, before: Mapping[str, Any], wanted: Mapping[str, Any], differences: Sequence[str]) -> str:
    told = [
        f"{'data' if name == 'fingerprints' else name}: {_told(before, name)} there, {_told(wanted, name)} here"
        for name in differences
    ]
    return (
        f"The name {ledger.name!r} belongs to another sweep in {ledger.storage} ({'; '.join(told)}). Nothing was "
        "changed. Give this one another --name, or start it as it was started before."
    )


def _told(definition: Mapping[str, Any], name: str) -> str:
    if name == "fingerprints":
        prints = ", ".join(definition.get("fingerprints", []))
        return f"{definition.get('data') or 'embedded'} ({prints})"
    return json.dumps(_of(definition, name))


def _of(definition: Mapping[str, Any], name: str) -> Any:
    """A part of the identity; sweeps of before there were scales have the paper's."""
    return _normal(definition.get(name, "paper" if name == "scale" else None))


def _normal(value: Any) -> Any:
    return json.loads(json.dumps(value))
