"""`orchestrator plan`."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli.options import print_json
from orchestrator.cli.sweep import command as sweep

NOT_OF_A_PLAN = ("dry_run", "address", "inline", "quiet", "retry_failed")


@click.command("plan", params=[each for each in sweep.params if each.name not in NOT_OF_A_PLAN])
@click.option(
    "--price-per-hour", type=click.FloatRange(min=0), help="Of this machine; the plan then says what it costs."
)
def command(**options: Any) -> None:
    """Estimate what a sweep takes, from two short epochs of every kind of network that it draws. Starts nothing.

    It takes the options of `orchestrator sweep`.
    """
    from orchestrator.plan import plan
    from orchestrator.sweep.request import build_launch

    names = ("name", "data", "patients", "on_bad_image", "trials", "settings", "metrics", "seed", "concurrent", "tasks")
    launch = build_launch(options["space"], storage=options["storage"], **{name: options[name] for name in names})
    found = plan(launch, options["price_per_hour"])
    if options["as_json"]:
        print_json(found.to_json())
    else:
        click.echo(found.text())
