"""The last words of a sweep: its table, and what to do next."""

from __future__ import annotations

import click

from orchestrator.sweep.launch import Ended, Launch


def tell_results(launch: Launch, ended: Ended) -> None:
    """Print the table of results and the next steps."""
    for name in ended.failed_trials:
        click.echo(f"failed: {name} (orchestrator show {name})", err=True)
    for key, error in ended.failed_tasks.items():
        click.echo(f"failed: {key}: {error.splitlines()[0]}", err=True)
