"""The last words of a sweep: its table, its report, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Ended, Launch


def tell_failures(launch: Launch, ended: Ended) -> None:
    """Say on stderr which trials and tasks failed, a line each."""
    for name in ended.failed_trials:
        click.echo(f"failed: {name} (why: orchestrator show {launch.name}/{name}{_storage(launch)})", err=True)
    for key, error in ended.failed_tasks.items():
        click.echo(f"failed: {key}: {error.splitlines()[0]}", err=True)


def _told_baseline(metrics: Mapping[str, float | None]) -> str:
    """What a linear model reaches: of several labels the area under the ROC curve, since most labels are absent."""
    labels = "val/auprc" in metrics
    name, value = ("AUROC", metrics.get("test/auroc")) if labels else ("accuracy", metrics.get("test/accuracy"))
    return f"A linear model on the pixels of the same splits: test {name} {'–' if value is None else f'{value:.3f}'}."


def tell_results(launch: Launch) -> None:
    """Print the table of results, write the report if something is newer than it, and name the next steps."""
    from orchestrator.best_model import read_note
    from orchestrator.cli.options import console
    from orchestrator.report.terminal import results_table
    from orchestrator.results import baseline_rows, objectives_of, result_rows

    store, ledger = Store(launch.storage), Ledger(launch.storage, launch.name)
    console().print(results_table(result_rows(store, ledger), objectives_of(ledger.definition())))
    for line in dict.fromkeys(_told_baseline(each.metrics) for each in baseline_rows(store, ledger)):
        click.echo(line)
    report = fresh_report(store, ledger)
    storage = _storage(launch)
    make = not storage and Path("Makefile").is_file()
    click.echo(f"Report:  {report.as_uri()}  (open it in a browser)")
    click.echo(f"MLflow:  {'make ui' if make else f'orchestrator ui{storage}'}")
    note = read_note(ledger)
    if note is not None and note.settled:
        click.echo(f"Model:   {note.told()}")
    click.echo(f"More:    orchestrator results {launch.name}{storage} --format csv")


def fresh_report(store: Store, ledger: Ledger) -> Path:
    """The report of a sweep, written anew if the sweep has changed since."""
    from orchestrator.report.write import write_report

    path = ledger.folder / "report.html"
    if path.is_file() and path.stat().st_mtime >= ledger.changed():
        return path
    return write_report(store, ledger, path)


def _storage(launch: Launch) -> str:
    """The option that finds the same storage again; none where it is the usual folder."""
    return "" if launch.storage == Path("runs").absolute() else f" --storage {launch.storage}"
