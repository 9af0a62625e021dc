"""`orchestrator audit`."""

from __future__ import annotations

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("audit")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@click.option("--contents", is_flag=True, help="Also read every file, and compare it with the hash of its manifest.")
@click.option(
    "--mend", is_flag=True, help="Take back what is damaged (as --contents finds it): the next start computes it anew."
)
@json_option
def command(sweep: str | None, storage: Storage, contents: bool, mend: bool, as_json: bool) -> int:
    """Check that nothing is doubled, missing or orphaned: the ledger, the store and MLflow must tell the same story.

    Exit code 1 if anything is found.
    """
    from orchestrator.audit import audit
    from orchestrator.storage.store import Store
    from orchestrator.tracking.mlflow import open_tracker, runs_elsewhere

    ledger = find_sweep(storage, sweep)
    unchecked = runs_elsewhere(storage)
    tracker = None if unchecked else open_tracker(storage, ledger.name)
    store = Store(storage)
    found = audit(store, ledger, tracker, contents=contents or mend).to_json()
    if unchecked:
        click.echo(f"note: {unchecked}", err=True)
    if mend and found["damaged"]:
        from orchestrator.mending import take_back

        with ledger.lock:
            take_back(store, ledger, found["damaged"])
    if as_json:
        print_json(found)
    else:
        click.echo(f"{ledger.name}: {'nothing to complain of' if found['ok'] else 'findings'}")
        for kind, keys in found.items():
            if kind not in ("ok", "tracking_pending") and keys:
                click.echo(f"  {kind.replace('_', ' ')}: {', '.join(keys)}")
        if found["damaged"]:
            said = "were taken back: the sweep's next start computes them anew" if mend else "--mend takes them back"
            click.echo(f"  Damaged artifacts: {said}.")
        if found["orphaned_models"]:
            click.echo("  Orphaned models cannot be loaded for long: delete these versions on MLflow's page of models.")
        if found["missing_runs"]:
            click.echo("  Missing runs are sent by the sweep's next start.")
        if found["tracking_pending"]:
            click.echo(f"  tracking pending: {found['tracking_pending']}")
    return 0 if found["ok"] else 1
