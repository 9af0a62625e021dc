"""`orchestrator results`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.options import find_sweep, print_json, storage_option


@click.command("results")
@click.argument("sweep", required=False)
@storage_option
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "md"]), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(sweep: str | None, storage: Path, form: str, as_json: bool) -> None:
    """Show the results of a sweep. SWEEP is the newest one if it is left out."""
    from orchestrator.report import tables
    from orchestrator.results import objectives_of, result_rows
    from orchestrator.storage.store import Store

    ledger, store = find_sweep(storage, sweep), Store(storage)
    if as_json or form == "json":
        print_json(tables.results_json(ledger, store))
        return
    rows, objectives = result_rows(store, ledger), objectives_of(ledger.definition())
    if form == "csv":
        click.echo(tables.results_csv(rows), nl=False)
    elif form == "md":
        click.echo(tables.results_markdown(rows, objectives))
    else:
        from orchestrator.cli.options import console
        from orchestrator.report.terminal import results_table

        console().print(results_table(rows, objectives))
