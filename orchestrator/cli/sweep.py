"""`orchestrator sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.completing import setting_keys, space_names
from orchestrator.cli.options import (
    json_option,
    on_bad_image_option,
    print_json,
    progress_option,
    storage_option,
    tasks_option,
)


@click.command("sweep")
@click.argument("space", shell_complete=space_names)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data set, in its published layout.")
@click.option("--patients", type=click.Path(path_type=Path), help="CSV with the columns path, patient.")
@on_bad_image_option
@storage_option
@click.option("--name", help="Name of the sweep. [default: name of the space]")
@click.option(
    "--scale",
    type=click.Choice(["paper", "small"]),
    default="paper",
    help="Of a paper's sweep: its own sizes, or small ones for two CPU cores, without --data on embedded images.",
)
@click.option("--trials", type=int, help="How many draws; more than before extends the sweep.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=setting_keys,
    help="Fix a parameter or a field. Repeatable.",
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME[:min|max]", help="Search on it. Several: Pareto.")
@tasks_option
@click.option("--concurrent", type=click.IntRange(min=1), help="Trials at once. [default: as many as fit]")
@click.option("--seed", type=int, help="Seed of the draws.")
@click.option(
    "--posthoc",
    "which",
    type=click.Choice(["completed", "stopped"]),
    default="completed",
    help="Which trials get post-hoc tasks: completed ones, or stopped ones too.",
)
@click.option(
    "--register/--no-register",
    default=True,
    envvar="ORCHESTRATOR_REGISTER",
    show_default=True,
    help="Whether the best network is in MLflow's model registry at the end (ORCHESTRATOR_REGISTER).",
)
@click.option("--retry-failed", is_flag=True, help="Go on with trials that failed before.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and change nothing.")
@click.option("--address", help="Address of a running Ray cluster. [default: a Ray of its own]")
@click.option("--inline", is_flag=True, help="Run everything in this process, without Ray: for debugging.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@progress_option
@json_option
def command(**options: Any) -> int:
    """Run a sweep, or go on with it.

    SPACE is a name (see `orchestrator list`) or the path of a Python file of your own. The same command goes on with what
    an interrupt or a crash has left, and returns at once when everything is there.
    """
    from orchestrator.sweep.request import build_launch

    launch = build_launch(
        options["space"],
        storage=options["storage"],
        name=options["name"],
        data=options["data"],
        patients=options["patients"],
        on_bad_image=options["on_bad_image"],
        trials=options["trials"],
        settings=options["settings"],
        metrics=options["metrics"],
        seed=options["seed"],
        concurrent=options["concurrent"],
        stopped_too=options["which"] == "stopped",
        retry_failed=options["retry_failed"],
        tasks=options["tasks"],
        scale=options["scale"],
        register=options["register"],
    )
    from orchestrator.sweep.preview import preview, preview_json, told_differences

    if options["dry_run"]:
        if options["as_json"]:
            print_json(preview_json(launch))
        else:
            click.echo(preview(launch))
        return 0
    for line in [] if options["quiet"] else told_differences(launch):
        click.echo(line.removeprefix("  "), err=True)
    return run_and_tell(launch, options)


def run_and_tell(launch: Any, options: dict[str, Any]) -> int:
    """Run a launch, say how it ended, and return the exit code."""
    from orchestrator.sweep.session import run_with_everything

    session = run_with_everything(
        launch,
        address=options["address"],
        inline=options["inline"],
        quiet=options["quiet"] or (options["as_json"] and options["progress"] == "auto"),
        own_process=True,
        progress=options["progress"],
    )
    ended = session.ended
    if session.tracking_problem:
        click.echo(f"Tracking: {session.tracking_problem}", err=True)
    if options["as_json"]:
        from orchestrator.status import sweep_status
        from orchestrator.storage.ledger import Ledger

        print_json(sweep_status(Ledger(launch.storage, launch.name)))
    if not ended.finished:
        trials = "trial" if ended.left == 1 else "trials"
        click.echo(f"Interrupted, {ended.left} {trials} left. The same command goes on.", err=True)
        return 130
    from orchestrator.cli.closing import tell_failures, tell_results

    tell_failures(launch, ended)
    if not options["as_json"]:
        tell_results(launch)
    sys.stdout.flush()
    return 1 if ended.failed_trials or ended.failed_tasks else 0
