"""`orchestrator study`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.options import find_sweep, storage_option


@click.command("study")
@click.argument("sweep", required=False)
@storage_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New file: .db (SQLite) or .log (journal).")
def command(sweep: str | None, storage: Path, out: Path) -> int:
    """Write the search as an Optuna study, for optuna-dashboard.

    The file is a copy of what the sweep knows now: nothing reads it back.
    """
    from orchestrator.study_file import write_study

    ledger = find_sweep(storage, sweep)
    count = write_study(ledger, out)
    click.echo(f"{ledger.name}: {count} trials in {out}")
    click.echo(f"Look at it: optuna-dashboard {_address(out)}", err=True)
    return 0


def _address(path: Path) -> str:
    return f"sqlite:///{path}" if path.suffix.startswith((".db", ".sqlite")) else str(path)
