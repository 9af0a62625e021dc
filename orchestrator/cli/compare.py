"""`orchestrator compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("compare")
@click.argument("sweeps", nargs=-1, required=True)
@storage_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write. [default: the screen; HTML: compared.html]"
)
@click.option("--format", "form", type=click.Choice(["html", "md"]), default="md", show_default=True)
@json_option
def command(
    sweeps: tuple[str, ...], storage: Storage, out: Path | None, form: Literal["html", "md"], as_json: bool
) -> None:
    """Compare sweeps: what they differ in, what their best networks and ensembles reach, and whether that is chance."""
    from orchestrator.report.findings import gather
    from orchestrator.report.versus import compare
    from orchestrator.report.versus_forms import comparison_json, comparison_markdown, comparison_page
    from orchestrator.storage.files import replace
    from orchestrator.storage.store import Store

    store = Store(storage)
    found = compare([gather(store, find_sweep(storage, name)) for name in dict.fromkeys(sweeps)])
    text = comparison_page(found) if form == "html" else comparison_markdown(found)
    path = out or (Path("compared.html") if form == "html" else None)
    if path is not None:
        replace(path, text)
    if as_json:
        print_json(comparison_json(found))
    else:
        click.echo(str(path) if path is not None else text)
