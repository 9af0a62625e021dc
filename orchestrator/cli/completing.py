"""What a shell offers for an argument: names of sweeps, spaces and tasks, and keys of `--set`. It never fails aloud."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem


def sweep_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sweeps of the storage folder, the newest first."""
    from orchestrator.storage.ledger import ledgers

    storage = context.params.get("storage") or os.environ.get("ORCHESTRATOR_STORAGE") or "runs"
    try:
        return _matching(((ledger.name, "") for ledger in ledgers(Path(storage))), incomplete)
    except (OSError, ValueError):
        return []


def sweeps_and_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sweeps, and files and folders as the shell finds them."""
    return [*sweep_names(context, parameter, incomplete), CompletionItem(incomplete, type="file")]


def space_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Spaces by name, and Python files as the shell finds them."""
    from search_spaces.registry import SPACES

    return [*_matching(SPACES.items(), incomplete), CompletionItem(incomplete, type="file")]


def setting_keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys that the space named before takes, `KEY=`; after that the choices of a parameter that has some."""
    key, equals, _ = incomplete.partition("=")
    space = context.params.get("space") or next(iter(context.args), "")  # there while an option still lacks its value
    try:
        known = _keys(str(space))
    except (ValueError, OSError):
        return []
    if equals:
        return _matching(((f"{key}={choice}", "") for choice in known.get(key, ())), incomplete)
    return _matching(((f"{name}=", ", ".join(choices)) for name, choices in sorted(known.items())), incomplete)


def task_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Post-hoc tasks whose name says all of it; after a comma the next one."""
    from search_spaces.tasks import task_names as known

    before, comma, last = incomplete.rpartition(",")
    return _matching(((f"{before}{comma}{name}", "") for name in sorted(known())), f"{before}{comma}{last}")


def _keys(space: str) -> dict[str, tuple[str, ...]]:
    """Keys of `--set` with their choices, which only some have."""
    from orchestrator.sweep.request import SWEEP_KEYS
    from search_spaces.overrides import field_paths, probe
    from search_spaces.registry import load_sweep

    keys: dict[str, tuple[str, ...]] = dict.fromkeys(SWEEP_KEYS, ())
    if space:
        params, specs = probe(load_sweep(space).space)
        keys |= dict.fromkeys(field_paths(specs), ())
        keys |= {name: tuple(map(str, getattr(each, "choices", ()))) for name, each in params.items()}
    return keys


def _matching(known: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=text or None) for name, text in known if name.startswith(incomplete)]
