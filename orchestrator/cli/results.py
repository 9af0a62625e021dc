"""`orchestrator results`."""

from __future__ import annotations

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("results")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "md"]), default="table", show_default=True)
@click.option(
    "--metric",
    "patterns",
    multiple=True,
    metavar="NAME",
    help="Show these metrics, such as 'test/auroc/*', as table or Markdown. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(sweep: str | None, storage: Storage, form: str, patterns: tuple[str, ...], as_json: bool) -> None:
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
        return
    from orchestrator.report.columns import chosen_columns

    chosen = chosen_columns(rows, patterns) if patterns else None
    if form == "md":
        click.echo(tables.results_markdown(rows, objectives, chosen))
    else:
        from orchestrator.cli.options import console
        from orchestrator.report.terminal import metrics_table, results_table

        console().print(metrics_table(rows, chosen, objectives[0]) if chosen else results_table(rows, objectives))
