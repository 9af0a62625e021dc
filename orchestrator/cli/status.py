"""`orchestrator status`."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.counts import Generations
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger, ledgers


@click.command("status")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@json_option
def command(sweep: str | None, storage: Storage, as_json: bool) -> None:
    """Show the sweeps of a storage folder and how far they are."""
    from orchestrator.status import sweep_status

    found = [find_sweep(storage, sweep)] if sweep else list(ledgers(storage))
    statuses = [sweep_status(ledger) for ledger in found]
    if as_json:
        print_json({"sweeps": statuses})
    elif not statuses:
        click.echo(f"No sweep in {storage}. Start one with: orchestrator sweep demo")
    for status, ledger in zip(statuses, found, strict=True):
        if not as_json:
            _tell(status, ledger)


def _tell(status: dict[str, Any], ledger: Ledger) -> None:
    trials, posthoc = status["trials"], status["posthoc"]
    click.echo(f"{status['name']}: {status['state']}")
    if population := status.get("population"):
        click.echo(
            f"  population: {trials['completed']} completed, {trials['failed']} failed, {trials['running']} running, "
            f"of {trials['wanted']} members; {Generations(**population).told()}"
        )
    else:
        click.echo(
            f"  trials: {trials['completed']} completed, {trials['stopped']} stopped, {trials['failed']} failed, "
            f"{trials['running']} running, of {trials['wanted']}"
        )
    click.echo(f"  post-hoc: {posthoc['done']} done, {posthoc['failed']} failed, of {posthoc['wanted']}")
    for failure in ledger.failures().values():
        click.echo(
            f"  failed: {failure['task']['kind']} of {', '.join(failure['members'])}: {failure['error'].splitlines()[0]}"
        )
