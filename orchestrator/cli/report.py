"""`orchestrator report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from orchestrator.report.formats import ReportFormat


@click.command("report")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write. [default: report.html, .md, .csv or .tex in the sweep's folder]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "csv", "latex"]),
    default="html",
    help="csv and latex of a paper's sweep are the paper's tables.",
)
@json_option
def command(sweep: str | None, storage: Storage, out: Path | None, form: ReportFormat, as_json: bool) -> None:
    """Write the report of a sweep as one HTML file that needs no network, or as text.

    SWEEP is the newest one if it is left out.
    """
    from orchestrator.report.formats import SUFFIXES, report_text
    from orchestrator.report.write import write_report
    from orchestrator.storage.files import replace
    from orchestrator.storage.store import Store

    ledger = find_sweep(storage, sweep)
    path = out or ledger.folder / f"report{SUFFIXES[form]}"
    if form == "html":
        write_report(Store(storage), ledger, path)
    else:
        from orchestrator.report.findings import gather

        replace(path, report_text(gather(Store(storage), ledger), form))
    if as_json:
        print_json({"sweep": ledger.name, "path": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(str(path))
