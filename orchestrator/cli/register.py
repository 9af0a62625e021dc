"""`orchestrator register`."""

from __future__ import annotations

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("register")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@click.option("--with", "network", metavar="NAME|KEY", help="A network or ensemble. [default: best network on val]")
@click.option("--alias", default="best", show_default=True, help="Alias that names this version afterwards.")
@storage_option
@json_option
def command(sweep: str | None, network: str | None, alias: str, storage: Storage, as_json: bool) -> None:
    """Register a network or an ensemble in MLflow's model registry, as a model from code.

    SWEEP is the newest one if it is left out. Done again for the same network, no version is doubled.
    """
    from orchestrator.registration import register

    ledger = find_sweep(storage, sweep)
    done = register(storage, ledger.name, network=network, alias=alias)
    if as_json:
        told = {"sweep": ledger.name, "name": done.name, "version": done.version, "alias": done.alias}
        print_json({**told, "uri": done.uri, "new": done.is_new})
    else:
        click.echo(f"{done.uri} is version {done.version}{'' if done.is_new else ', which was there already'}")
