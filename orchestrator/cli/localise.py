"""`orchestrator localise`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestrator.cli.completing import sweeps_and_files
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option


@click.command("localise")
@click.argument("names", nargs=-1, required=True, shell_complete=sweeps_and_files, metavar="[SWEEP] MASKS")
@click.option("--with", "network", metavar="NAME|KEY", help="A network or ensemble. [default: best network on val]")
@click.option("--method", default="grad_cam", show_default=True, help="How the predicted class is explained.")
@click.option("--split", type=click.Choice(["val", "test"]), default="test", show_default=True)
@storage_option
@json_option
def command(names: tuple[str, ...], **options: Any) -> None:
    """Score a network's maps against masks of your own: landmarks, lesions, or lungs.

    SWEEP is the newest one if it is left out. MASKS is a folder of PNG files, white where it matters, each called like its
    image below the data folder. The folder of the COVID-19 Radiography Database itself gives its lungs.
    """
    from orchestrator.external.localise import localise_against

    if len(names) > 2:
        raise click.UsageError(f"localise takes a sweep and one folder, and was given {', '.join(map(repr, names))}.")
    ledger = find_sweep(options["storage"], names[0] if len(names) == 2 else None)
    found = localise_against(
        options["storage"],
        ledger.name,
        Path(names[-1]),
        network=options["network"],
        method=options["method"],
        split=options["split"],
    )
    if options["as_json"]:
        print_json(found)
        return
    click.echo(
        f"{found['network']} of {found['sweep']}, {found['method']}: {found['scored_images']} of {found['masked_images']} "
        f"images with a mask are predicted correctly on {found['split']}"
    )
    for name, value in found["metrics"].items():
        click.echo(f"  {name:22} {'not defined' if value is None else f'{value:.3f}'}")
