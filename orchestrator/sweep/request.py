"""From what a user asks for to a launch: options are checked here, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from orchestrator.storage.address import Storage, absolute
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.launch import Launch, sample_specs
from search_spaces.grid import points
from search_spaces.objective import Objective, usual_mode
from search_spaces.overrides import Overrides, parse_overrides, probe
from search_spaces.population import require_population
from search_spaces.ranges import parse_ranges
from search_spaces.registry import load_sweep
from search_spaces.scale import Scale, differences, in_small
from search_spaces.schedulers import Pbt
from search_spaces.settings import SEARCH_KEYS, is_of_scheduler, with_scheduler, with_searcher
from search_spaces.sweep import Sweep
from search_spaces.tasks import parse_tasks, with_tasks
from trainables.data.prepare import DataSource
from trainables.spec import Synthetic, to_plain
from trainables.spec.parallel import require_parallel

OF_WORKERS = ("resources/memory_gb", "resources/timeout_minutes", "resources/disk_gb")
MEASURED: dict[str, Literal["gpus", "memory_gb"]] = {"resources/gpus": "gpus", "resources/memory_gb": "memory_gb"}
SWEEP_KEYS = (
    *SEARCH_KEYS,
    "member_seeds",
    "resources/cpus",
    "resources/gpus",
    "resources/workers",
    *OF_WORKERS,
)


def build_launch(
    space: str,
    *,
    storage: Storage,
    name: str | None = None,
    data: Path | None = None,
    patients: Path | None = None,
    on_bad_image: Literal["error", "skip"] = "error",
    trials: int | None = None,
    settings: Sequence[str] = (),
    metrics: Sequence[str] = (),
    seed: int | None = None,
    concurrent: int | None = None,
    stopped_too: bool = False,
    retry_failed: bool = False,
    tasks: Sequence[str] = (),
    scale: Scale = "paper",
    ranges: Mapping[str, Sequence[float]] | None = None,
    widen: Sequence[str] | None = None,
    register: bool = True,
) -> Launch:
    """Check a user's options and put them together. Nothing is written, and no data are read.

    Raises:
        ValueError: an option that is unknown, out of range, or does not go with the others.
    """
    storage = absolute(storage)
    sweep = paper = load_sweep(space)
    if scale == "small":
        sweep = in_small(sweep, embedded=data is None)
    texts = _texts(settings)
    own = {key: text for key, text in texts.items() if key in SWEEP_KEYS or is_of_scheduler(key)}
    sweep = _with_settings(sweep, own)
    if metrics:
        sweep = replace(sweep, objectives=_objectives(metrics))
    changes: dict[str, Any] = {}
    if trials is not None:
        changes["trials"] = trials
    if seed is not None:
        changes["seed"] = seed
    sweep = replace(sweep, **changes)
    added = parse_tasks(tasks)
    sweep = with_tasks(sweep, added)
    others = {key: text for key, text in texts.items() if key not in own}
    overrides = parse_overrides(sweep.space, others, also_known=SWEEP_KEYS)
    overrides = _with_ranges(sweep, overrides, ranges or {}, widen or ())
    if sweep.searcher == "grid":
        sweep = replace(sweep, trials=_grid_trials(sweep, overrides, trials))
    launch = Launch(
        sweep=sweep,
        overrides=overrides,
        name=_checked_name(name or sweep.name),
        storage=storage,
        source=DataSource(root=data, patients=patients, on_bad_image=on_bad_image),
        concurrent=concurrent,
        stopped_too=stopped_too,
        retry_failed=retry_failed,
        request={
            "space": str(Path(space).absolute()) if space.endswith(".py") else space,
            "data": str(data.absolute()) if data else "",
            "patients": str(patients.absolute()) if patients else "",
            "on_bad_image": on_bad_image,
            "settings": list(settings),
            "tasks": [to_plain(task) for task in added],
            "scale": scale,
            **({} if register else {"register": False}),
            **({"ranges": {name: list(each) for name, each in overrides.ranges.items()}} if overrides.ranges else {}),
        },
        differences=differences(paper, sweep, overrides) if paper.small else (),
        widen=widen is not None,
    )
    _require_trainable(launch)
    return launch


def relaunch(
    ledger: Ledger,
    *,
    trials: int | None = -1,
    settings: Sequence[str] = (),
    widen: Sequence[str] | None = None,
    tasks: Sequence[str] = (),
    concurrent: int | None = None,
    stopped_too: bool = False,
    retry_failed: bool = False,
) -> Launch:
    """The launch that a sweep was started with, from its definition; for commands that name the sweep alone.

    Args:
        ledger: of the sweep.
        trials: how many draws; -1 for as many as before.
        settings: what is set beside the settings of then, or in place of them.
        widen: wider ranges; None takes the space only as it was, an empty list wider ranges of the space's file too.
        tasks: further post-hoc tasks.
        concurrent: trials at once.
        stopped_too: also run post-hoc tasks on stopped trials.
        retry_failed: go on with trials that failed.

    Raises:
        ValueError: its space was a file that is not there any more.
    """
    definition = ledger.definition()
    given = definition["request"]
    return build_launch(
        given["space"],
        storage=ledger.storage,
        name=ledger.name,
        data=Path(given["data"]) if given["data"] else None,
        patients=Path(given["patients"]) if given["patients"] else None,
        on_bad_image=given.get("on_bad_image", "error"),
        trials=definition["trials"] if trials == -1 else trials,
        settings=[f"{key}={text}" for key, text in _texts([*given["settings"], *settings]).items()],
        metrics=[f"{each['metric']}:{each['mode']}" for each in definition["objectives"]],
        seed=definition["seed"],
        concurrent=concurrent,
        stopped_too=stopped_too,
        retry_failed=retry_failed,
        tasks=tasks,
        scale=given.get("scale", "paper"),
        ranges=given.get("ranges"),
        widen=widen,
        register=given.get("register", True),
    )


def _with_ranges(
    sweep: Sweep, overrides: Overrides, ranges: Mapping[str, Sequence[float]], widen: Sequence[str]
) -> Overrides:
    """Ranges that earlier extensions widened, and those that this one does."""
    before = replace(overrides, ranges={name: (low, high) for name, (low, high) in ranges.items()})
    if not widen:
        return before
    found = parse_ranges(widen, probe(sweep.space, before)[0])
    return replace(before, ranges={**before.ranges, **found})


def _texts(settings: Sequence[str]) -> dict[str, str]:
    texts = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ValueError(f"--set {setting!r} wants KEY=VALUE, such as --set schedule/epochs=3.")
        texts[key.strip()] = text.strip()
    return texts


def _grid_trials(sweep: Sweep, overrides: Overrides, asked: int | None) -> int:
    """How many points of the grid are drawn: all, or the first ones."""
    size = len(points(lambda trial: overrides.draw(sweep.space, trial)))
    if asked is not None and asked > size:
        raise ValueError(
            f"--trials {asked}: the grid has {size} points. Ask for {size} or fewer, or leave --trials out."
        )
    return size if asked is None else asked


def _with_settings(sweep: Sweep, texts: dict[str, str]) -> Sweep:
    """Put settings of the sweep itself in place."""
    sweep = with_scheduler(sweep, {key: text for key, text in texts.items() if is_of_scheduler(key)})
    for key, text in texts.items():
        if key == "searcher":
            sweep = with_searcher(sweep, text)
        elif not is_of_scheduler(key):
            sweep = _with_number(sweep, key, text)
    return sweep


def _with_number(sweep: Sweep, key: str, text: str) -> Sweep:
    if text == "auto" and key in MEASURED:
        asked = dict.fromkeys((*sweep.resources.measured, MEASURED[key]))
        return replace(sweep, resources=replace(sweep.resources, measured=tuple(asked)))
    try:
        value = float(text) if key in ("resources/gpus", *OF_WORKERS) else int(text)
    except ValueError:
        also = ", or auto to have it measured" if key in MEASURED else ""
        raise ValueError(f"--set {key}={text}: wants a number{also}.") from None
    if value < 0 or (key in ("resources/cpus", "resources/workers") and value < 1):
        raise ValueError(f"--set {key}={text}: is too small.")
    if key == "member_seeds":
        return replace(sweep, member_seeds=int(value))
    if key == "resources/cpus":
        return replace(sweep, resources=replace(sweep.resources, cpus=int(value)))
    if key == "resources/workers":
        return replace(sweep, resources=replace(sweep.resources, workers=int(value)))
    if key == "resources/memory_gb":
        return replace(sweep, resources=replace(sweep.resources, memory_gb=float(value)))
    if key == "resources/timeout_minutes":
        return replace(sweep, resources=replace(sweep.resources, timeout_minutes=float(value)))
    if key == "resources/disk_gb":
        return replace(sweep, resources=replace(sweep.resources, disk_gb=float(value)))
    return replace(sweep, resources=replace(sweep.resources, gpus=float(value)))


def _objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    found = tuple(map(_objective, texts))
    names = [each.metric for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"--metric {twice} is given twice. A Pareto search wants different metrics; leave one out.")
    return found


def _objective(text: str) -> Objective:
    metric, colon, mode = text.partition(":")
    if not colon:
        return Objective(metric=metric, mode=usual_mode(metric))
    if mode not in ("min", "max"):
        raise ValueError(f"--metric {text}: the direction is min or max, not {mode!r}.")
    return Objective(metric=metric, mode="min" if mode == "min" else "max")


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise ValueError(
            f"--name {name!r}: a name has letters, digits, '_', '-' and '.', and begins with a letter or digit."
        )
    return name


def _require_trainable(launch: Launch) -> None:
    specs = sample_specs(launch)
    for spec in specs:
        require_parallel(spec, launch.sweep.resources.workers)
        if isinstance(launch.sweep.scheduler, Pbt):
            require_population(spec, launch.sweep.scheduler)
    kinds = {type(spec.data) for spec in specs}
    if kinds == {Synthetic} and launch.source.root is not None:
        raise ValueError(
            f"--data {launch.source.root}: the space {launch.sweep.name!r} uses the embedded radiographs and reads no folder. "
            "Leave --data out, or take a space for your data (see `orchestrator list`)."
        )
    if kinds == {Synthetic} and launch.source.patients is not None:
        raise ValueError(
            f"--patients {launch.source.patients}: the space {launch.sweep.name!r} uses the embedded radiographs, whose "
            "patients are known. Leave --patients out."
        )
    if Synthetic not in kinds and launch.source.root is None:
        raise ValueError(f"The space {launch.sweep.name!r} needs a data folder. Name it with --data FOLDER.")
