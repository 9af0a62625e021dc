"""`orchestrator audit`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option


@click.command("audit")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@json_option
def command(sweep: str | None, storage: Path, as_json: bool) -> int:
    """Check that nothing is doubled, missing or orphaned: the ledger, the store and MLflow must tell the same story.

    Exit code 1 if anything is found.
    """
    from orchestrator.audit import audit
    from orchestrator.storage.store import Store
    from orchestrator.tracking.mlflow import open_tracker

    ledger = find_sweep(storage, sweep)
    found = audit(Store(storage), ledger, open_tracker(storage, ledger.name)).to_json()
    if as_json:
        print_json(found)
    else:
        click.echo(f"{ledger.name}: {'nothing to complain of' if found['ok'] else 'findings'}")
        for kind, keys in found.items():
            if kind not in ("ok", "tracking_pending") and keys:
                click.echo(f"  {kind.replace('_', ' ')}: {', '.join(keys)}")
        if found["missing_runs"]:
            click.echo("  Missing runs are sent by the sweep's next start.")
        if found["tracking_pending"]:
            click.echo(f"  tracking pending: {found['tracking_pending']}")
    return 0 if found["ok"] else 1
