"""Options that several commands share."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.completing import task_names
from orchestrator.storage.address import Storage, is_bucket
from orchestrator.storage.ledger import Ledger, ledgers

if TYPE_CHECKING:
    from rich.console import Console

FILE_COLUMNS = 110


class StorageType(click.ParamType[Storage]):
    """A folder as a path, or the address of a bucket as it is."""

    name = "folder or s3://bucket/prefix"

    def convert(self, value: Storage, param: click.Parameter | None, ctx: click.Context | None) -> Storage:
        """See click."""
        return value if is_bucket(value) else Path(value)


storage_option = click.option(
    "--storage",
    type=StorageType(),
    metavar="FOLDER|s3://BUCKET/PREFIX",
    envvar="ORCHESTRATOR_STORAGE",
    default=Path("runs"),
    show_default="./runs",
    help="Folder or bucket of sweeps and artifacts (ORCHESTRATOR_STORAGE).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")

on_bad_image_option = click.option(
    "--on-bad-image",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What to do about images that cannot be used: refuse the data set, or leave them out and list them.",
)

tasks_option = click.option(
    "--tasks",
    multiple=True,
    metavar="TASK[,TASK]",
    shell_complete=task_names,
    help="Further post-hoc tasks, by name (laplace_full) or with settings (laplace:samples=50). Repeatable.",
)

progress_option = click.option(
    "--progress",
    type=click.Choice(["auto", "lines", "json"]),
    default="auto",
    help="On stderr: a table on a terminal and lines elsewhere, always lines, or JSON, an object a line.",
)


def find_sweep(storage: Storage, name: str | None) -> Ledger:
    """The named sweep, or the newest one if none is named.

    Raises:
        ValueError: there is no such sweep, or none at all.
    """
    from trainables.spec.canonical import nearest

    known = list(ledgers(storage))
    if not known:
        raise ValueError(
            f"There is no sweep in {storage}. Start one with `orchestrator sweep demo`, or name the storage with --storage."
        )
    if name is None:
        return known[0]
    for ledger in known:
        if ledger.name == name:
            return ledger
    raise ValueError(f"There is no sweep {name!r} in {storage}. {nearest(name, [ledger.name for ledger in known])}")


def print_json(value: Any) -> None:
    """Print a JSON document; NaN and infinity are null."""
    click.echo(json.dumps(finite(value), indent=1))


def finite(value: Any) -> Any:
    """The same value with NaN and infinity as None."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def console() -> Console:
    """Where tables are printed: as wide as the terminal, or wide enough for a table in a file."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=FILE_COLUMNS)
