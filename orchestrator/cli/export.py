"""`orchestrator export`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("export")
@click.argument("names", nargs=-1, shell_complete=sweep_names, metavar="[SWEEP] [KEY|NAME]")
@storage_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write. [default: ./SWEEP-NAME]")
@click.option("--force", is_flag=True, help="Replace the folder if it is there.")
@json_option
def command(names: tuple[str, ...], storage: Storage, out: Path | None, force: bool, as_json: bool) -> None:
    """Write a network or an ensemble as a folder: weights as safetensors, description, temperature, model card.

    SWEEP is the newest one if it is left out, KEY or NAME the best network on val.
    """
    from orchestrator.exporting import export
    from orchestrator.storage.ledger import ledgers
    from orchestrator.storage.store import Store

    if len(names) > 2:
        raise click.UsageError(f"export takes a sweep and a key or name, and was given {', '.join(map(repr, names))}.")
    names_a_sweep = bool(names) and (len(names) == 2 or names[0] in [each.name for each in ledgers(storage)])
    ledger = find_sweep(storage, names[0] if names_a_sweep else None)
    network = next(iter(names[names_a_sweep:]), None)
    path = out or Path(f"{ledger.name}-{network or 'best'}")
    chosen = export(Store(storage), ledger, path, network=network, force=force)
    if as_json:
        print_json(
            {"sweep": ledger.name, "key": chosen.key, "kind": chosen.kind, "name": chosen.name, "path": str(path)}
        )
    else:
        click.echo(str(path))
