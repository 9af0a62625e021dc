"""`orchestrator delete`."""

from __future__ import annotations

import sys

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, storage_option
from orchestrator.storage.address import Storage


@click.command("delete")
@click.argument("sweep", shell_complete=sweep_names)
@storage_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(sweep: str, storage: Storage, yes: bool) -> int:
    """Delete a sweep: its rows, its MLflow runs and registered models, and the networks and results that no other sweep uses."""
    from orchestrator.deletion import Deletion

    ledger = find_sweep(storage, sweep)
    with ledger.lock:
        deletion = Deletion(storage, ledger)
        click.echo(
            f"{sweep} in {storage}: {len(ledger.rows())} rows, {len(deletion.keys)} artifacts "
            f"({deletion.bytes() / 2**20:,.1f} MiB) that no other sweep uses, and its MLflow runs and models."
        )
        if not yes and not _confirmed():
            click.echo("Nothing was deleted.")
            return 0
        runs = deletion.run()
    click.echo(f"Deleted {sweep}: {len(deletion.keys)} artifacts, {runs} MLflow runs.")
    return 0


def _confirmed() -> bool:
    try:
        return click.confirm("Delete them?")
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError("delete asks before it deletes, and nobody can answer here. Pass --yes.") from None
