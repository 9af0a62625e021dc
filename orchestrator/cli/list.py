"""`orchestrator list`."""

from __future__ import annotations

import click

from orchestrator.cli.options import json_option, print_json


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the search spaces that exist by name."""
    from search_spaces.registry import SPACES

    if as_json:
        print_json({"spaces": [{"name": name, "description": text} for name, text in SPACES.items()]})
        return
    width = max(map(len, SPACES))
    for name, text in SPACES.items():
        click.echo(f"{name:<{width}}  {text}")
    click.echo("\nRun one: orchestrator sweep NAME. A file of your own: orchestrator new-space my_space.py")
