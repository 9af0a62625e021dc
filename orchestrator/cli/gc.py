"""`orchestrator gc`."""

from __future__ import annotations

from contextlib import ExitStack

import click

from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("gc")
@click.argument("sweep", required=False)
@storage_option
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option(
    "--keep-gb",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop when the sweeps take so many gigabytes. Default: all that can go.",
)
@click.option("--unnamed", is_flag=True, help="Also remove the artifacts that no sweep of the storage names.")
@json_option
def command(
    sweep: str | None, storage: Storage, dry_run: bool, keep_gb: float | None, unnamed: bool, as_json: bool
) -> None:
    """Free disk: states of finished trainings, and files of writers that died. Results stay as they are.

    Without a SWEEP all sweeps of the storage that do not run are cleaned.
    """
    from orchestrator.cleaning.cleaning import find_cleaning
    from orchestrator.errors import MachineError
    from orchestrator.storage.ledger import ledgers
    from orchestrator.storage.store import Store

    chosen = [find_sweep(storage, sweep)] if sweep else list(ledgers(storage))
    with ExitStack() as locks:
        held = []
        for ledger in chosen:
            try:
                locks.enter_context(ledger.lock)
                held.append(ledger)
            except MachineError as error:
                if sweep:
                    raise
                click.echo(f"note: {ledger.name} is left as it is. {error}", err=True)
        found = find_cleaning(storage, held, keep_gb=keep_gb or 0.0, remove_unnamed=unnamed)
        if not dry_run:
            found.run(Store(storage))
    if as_json:
        print_json({"dry_run": dry_run, **found.to_json()})
        return
    can = "would be" if dry_run else "were"
    dead, states = sum(each.bytes for each in found.strays), sum(each.bytes for each in found.thinnings)
    click.echo(f"{', '.join(found.sweeps) or 'no sweep'}: {_mib(found.before)} before, {_mib(found.after)} after")
    click.echo(f"  {len(found.strays)} attempts of dead writers ({_mib(dead)}) {can} removed")
    click.echo(f"  states of {len(found.thinnings)} epochs ({_mib(states)}) {can} removed; networks and results stay")
    if found.unnamed:
        removed = f"{can} removed" if unnamed else "stay: --unnamed removes them"
        click.echo(
            f"  {len(found.unnamed)} artifacts that no sweep names ({_mib(sum(found.unnamed.values()))}) {removed}"
        )
    if keep_gb and found.after > keep_gb * 10**9:
        click.echo(f"  {keep_gb:g} GB cannot be reached: what is left is needed. Delete a sweep (orchestrator delete).")


def _mib(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
