"""`orchestrator completion`."""

from __future__ import annotations

import click

VARIABLE = "_ORCHESTRATOR_COMPLETE"
"""With which click asks a program for completions; it is the program's name that decides."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes a SHELL complete commands, options, sweeps, spaces, tasks and keys of --set.

    bash: eval "$(orchestrator completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc;
    fish: orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # click has all three
    click.echo(found(context.find_root().command, {}, "orchestrator", VARIABLE).source())
