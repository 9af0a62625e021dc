"""`orchestrator data`: what a data set holds, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import json_option, print_json

if TYPE_CHECKING:
    from trainables.data.check import Check

TOLD = 20
"""Problems that are printed; JSON has all of them."""


@click.group("data")
def command() -> None:
    """Look at a data set before a sweep does."""


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--layout", help="Its layout. [default: found out]")
@click.option("--label", "labels", multiple=True, metavar="COLUMN", help="Column with labels, of a table. Repeatable.")
@click.option("--patients", type=click.Path(path_type=Path), help="CSV with the columns path, patient.")
@click.option("--near-duplicates", is_flag=True, help="Look for images that are nearly the same, too.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
def check_command(
    folder: Path,
    layout: str | None,
    labels: tuple[str, ...],
    patients: Path | None,
    near_duplicates: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Read every file of FOLDER and tell counts and problems.

    Finds files that are missing, unreadable, truncated or empty, decompression bombs, images of one grey value, the same
    picture or the same patient twice, labels out of range, missing columns, unknown classes and paths that leave the folder,
    each with its file and row. Exit code 0 if all is well, 1 with problems, 2 if there is no data set.
    """
    from orchestrator.cli.late_progress import LateProgress
    from trainables.data.check import check, to_plain

    progress = LateProgress(quiet=quiet)
    found = check(
        folder,
        layout=layout,
        labels=labels,
        patients=patients,
        near_duplicates=near_duplicates,
        on_progress=lambda done, total: progress("reading", done, total),
    )
    if as_json:
        print_json(to_plain(found))
    else:
        _tell(found)
    return 1 if found.problems else 0


def _tell(found: Check) -> None:
    click.echo(f"{found.root}: layout {found.layout}, {found.images} images")
    if found.patients is not None:
        click.echo(f"patients  {found.patients}")
    for heading, counts in (("splits", found.splits), ("classes", found.classes)):
        if counts:
            click.echo(f"{heading:<9} " + "; ".join(f"{name}: {count}" for name, count in counts.items()))
    if found.labels:
        _tell_labels(found.labels)
    for remark in found.remarks:
        click.echo(f"note: {remark}")
    for problem in found.problems[:TOLD]:
        row = f" (row {problem.row})" if problem.row is not None else ""
        click.echo(f"{problem.kind}{row}: {problem.message}")
    if len(found.problems) > TOLD:
        click.echo(f"... and {len(found.problems) - TOLD} more; --json lists them all.")
    count = len(found.problems)
    click.echo(f"{count} problems" if count > 1 else "a problem" if count else "All is well.")


def _tell_labels(labels: dict[str, dict[str, int]]) -> None:
    width = max(map(len, labels))
    marks = list(next(iter(labels.values())))
    click.echo(f"{'label':<{width}} " + " ".join(f"{mark:>7}" for mark in marks))
    for name, counts in labels.items():
        click.echo(f"{name:<{width}} " + " ".join(f"{counts[mark]:>7}" for mark in marks))
