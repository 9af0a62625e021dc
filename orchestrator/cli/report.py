"""`orchestrator report`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("report")
@click.argument("sweep", required=False)
@storage_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write. [default: report.html in the sweep's folder]"
)
@json_option
def command(sweep: str | None, storage: Storage, out: Path | None, as_json: bool) -> None:
    """Write the report of a sweep as one HTML file that needs no network. SWEEP is the newest one if it is left out."""
    from orchestrator.report.write import write_report
    from orchestrator.storage.store import Store

    ledger = find_sweep(storage, sweep)
    path = write_report(Store(storage), ledger, out or ledger.folder / "report.html")
    if as_json:
        print_json({"sweep": ledger.name, "path": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(str(path))
