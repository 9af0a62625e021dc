"""Go on with a stored sweep: more trials, other resources, wider ranges, further tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.definition import IDENTITY, define
from orchestrator.sweep.launch import Launch, with_earlier_extensions
from orchestrator.sweep.request import relaunch


def extend_launch(
    ledger: Ledger,
    *,
    trials: int | None = None,
    settings: Sequence[str] = (),
    widen: Sequence[str] = (),
    tasks: Sequence[str] = (),
    cpus_per_trial: int | None = None,
    gpus_per_trial: float | None = None,
    concurrent: int | None = None,
    stopped_too: bool = False,
    retry_failed: bool = False,
) -> Launch:
    """What goes on with a sweep, from its stored definition. Nothing is written.

    Args:
        ledger: of the sweep.
        trials: how many draws it has in all; as many as before if left out, and of a grid all its points.
        settings: what `--set` takes: resources, `member_seeds`. What makes another sweep is refused.
        widen: wider ranges of drawn numbers, `learning_rate=1e-5..1e-1`. Wider ranges in the space's file are taken too.
        tasks: further post-hoc tasks.
        cpus_per_trial: CPUs of a trial from now on.
        gpus_per_trial: GPUs of a trial from now on.
        concurrent: trials at once.
        stopped_too: also run post-hoc tasks on stopped trials.
        retry_failed: go on with trials that failed.

    Raises:
        ValueError: what is asked for is another sweep, with the difference; or the sweep's file is gone.
    """
    resources = {"resources/cpus": cpus_per_trial, "resources/gpus": gpus_per_trial}
    asked = [*settings, *(f"{name}={value}" for name, value in resources.items() if value is not None)]
    definition = ledger.definition()
    wanted = definition["trials"] if trials is None and definition["searcher"] != "grid" else trials
    launch = relaunch(
        ledger,
        trials=wanted,
        settings=asked,
        widen=widen,
        tasks=tasks,
        concurrent=concurrent,
        stopped_too=stopped_too,
        retry_failed=retry_failed,
    )
    launch = with_earlier_extensions(launch, ledger)
    _require_extension(ledger, definition, launch)
    return launch


def _require_extension(ledger: Ledger, before: dict[str, Any], launch: Launch) -> None:
    """Refuse what no extension can change. Whether ranges and data fit is seen when the sweep is started."""
    now = define(launch.sweep, launch.overrides, name=launch.name, data="", fingerprints=[], request={})
    told = [
        f"{name}: {_json(before.get(name))} there, {_json(now[name])} here"
        for name in IDENTITY
        if name != "fingerprints" and _json(before.get(name)) != _json(now[name])
    ]
    if told:
        raise ValueError(
            f"This is no extension of {ledger.name!r}, but another sweep ({'; '.join(told)}). Nothing was changed. An extension "
            "may have more trials, other resources, wider ranges and further tasks; start anything else with `orchestrator "
            "sweep` under another --name, or restore the space."
        )
    if launch.sweep.trials < before["trials"]:
        raise ValueError(
            f"The sweep {ledger.name!r} has {before['trials']} trials, and --trials {launch.sweep.trials} asks for fewer in all. "
            "Trials are not taken back: ask for more, or leave --trials out."
        )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
