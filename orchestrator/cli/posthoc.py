"""`orchestrator posthoc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, progress_option, storage_option, tasks_option
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from orchestrator.progress import ProgressForm


@click.command("posthoc")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@tasks_option
@click.option(
    "--posthoc",
    "which",
    type=click.Choice(["completed", "stopped"]),
    default="completed",
    help="Which trials: completed ones, or stopped ones too.",
)
@click.option("--address", help="Address of a running Ray cluster. [default: a Ray of its own]")
@click.option("--inline", is_flag=True, help="Run everything in this process, without Ray.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@progress_option
@json_option
def command(
    sweep: str | None,
    storage: Storage,
    tasks: tuple[str, ...],
    which: str,
    address: str | None,
    inline: bool,
    quiet: bool,
    progress: ProgressForm,
    as_json: bool,
) -> int:
    """Compute what is missing of a sweep's post-hoc results, and start no trial.

    With --tasks the sweep gets further ones, which belong to it from then on.

    Works on a sweep that is finished, interrupted or failed; tasks that failed before are tried again.
    """
    from orchestrator.status import sweep_status
    from orchestrator.sweep.request import relaunch
    from orchestrator.sweep.session import run_with_everything

    ledger = find_sweep(storage, sweep)
    launch = relaunch(ledger, stopped_too=which == "stopped", tasks=tasks)
    session = run_with_everything(
        launch,
        address=address,
        inline=inline,
        quiet=quiet or (as_json and progress == "auto"),
        posthoc_only=True,
        own_process=True,
        progress=progress,
    )
    ended, status = session.ended, sweep_status(ledger)
    if session.tracking_problem:
        click.echo(f"Tracking: {session.tracking_problem}", err=True)
    if as_json:
        print_json(status)
    else:
        click.echo(f"{ledger.name}: {status['posthoc']['done']} of {status['posthoc']['wanted']} results are there.")
        for key, error in ended.failed_tasks.items():
            click.echo(f"failed: {key}: {error.splitlines()[0]}", err=True)
    if not ended.finished:
        return 130
    return 1 if ended.failed_tasks else 0
