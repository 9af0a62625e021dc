"""`orchestrator new-space`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from orchestrator.cli.options import json_option, print_json


@click.command("new-space")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def command(file: Path, force: bool, as_json: bool) -> None:
    """Write a search space of your own to FILE: commented, and it runs as it is.

    The sweep is named after the file.
    """
    if file.suffix != ".py":
        raise click.UsageError(f"{file} does not end in .py, and a space is a Python file. Call it {file.stem}.py.")
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already. Give another name, or --force to replace it.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,90}", file.stem):
        raise click.UsageError(
            f"The sweep is named after the file, and {file.stem!r} is no name for one: it has letters, digits, '_', '-' and "
            "'.', and begins with a letter or digit."
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(template(file), encoding="utf-8")
    if as_json:
        print_json({"path": str(file), "name": file.stem})
        return
    click.echo(
        f"{file}\n\nSee what it would do: orchestrator sweep {file} --dry-run\nRun it:               orchestrator sweep {file}"
    )


def template(file: Path) -> str:
    """The text of `search_spaces/template.py` for a file, with a sweep of its name."""
    import search_spaces

    source = (Path(search_spaces.__file__).parent / "template.py").read_text(encoding="utf-8")
    return source.replace('name="template"', f'name="{file.stem}"').replace("THIS_FILE", file.name)
