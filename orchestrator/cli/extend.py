"""`orchestrator extend`."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli.options import find_sweep, json_option, progress_option, storage_option, tasks_option


@click.command("extend")
@click.argument("sweep", required=False)
@storage_option
@click.option("--trials", type=int, help="How many draws in all; the search goes on with what it has learnt.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="member_seeds, resources/... Repeatable.")
@click.option("--widen", multiple=True, metavar="NAME=LOW..HIGH", help="A wider range of a drawn number. Repeatable.")
@tasks_option
@click.option("--cpus-per-trial", type=click.IntRange(min=1), help="CPUs of a trial from now on.")
@click.option(
    "--gpus-per-trial", type=click.FloatRange(min=0), help="GPUs of a trial from now on, also a share of one."
)
@click.option("--concurrent", type=click.IntRange(min=1), help="Trials at once. [default: as many as fit]")
@click.option(
    "--posthoc",
    "which",
    type=click.Choice(["completed", "stopped"]),
    default="completed",
    help="Which trials get post-hoc tasks: completed ones, or stopped ones too.",
)
@click.option("--retry-failed", is_flag=True, help="Go on with trials that failed before.")
@click.option("--address", help="Address of a running Ray cluster. [default: a Ray of its own]")
@click.option("--inline", is_flag=True, help="Run everything in this process, without Ray: for debugging.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@progress_option
@json_option
def command(**options: Any) -> int:
    """Go on with a stored sweep, with more of what it had.

    SWEEP is its name, the newest one if left out. Space, data and settings are those that it was started with; a space file
    is read again, and may have ranges that contain the old ones. What would be another sweep is refused with the difference.
    """
    from orchestrator.cli.sweep import run_and_tell
    from orchestrator.sweep.extend import extend_launch

    launch = extend_launch(
        find_sweep(options["storage"], options["sweep"]),
        trials=options["trials"],
        settings=options["settings"],
        widen=options["widen"],
        tasks=options["tasks"],
        cpus_per_trial=options["cpus_per_trial"],
        gpus_per_trial=options["gpus_per_trial"],
        concurrent=options["concurrent"],
        stopped_too=options["which"] == "stopped",
        retry_failed=options["retry_failed"],
    )
    return run_and_tell(launch, options)
