"""The command line: one module a command, imported when the command is called."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click
from click.shell_completion import CompletionItem

from orchestrator.errors import MachineError
from trainables.spec.canonical import nearest

COMMANDS = {
    "sweep": ("orchestrator.cli.sweep", "Run a sweep, or go on with it."),
    "plan": ("orchestrator.cli.plan", "Estimate what a sweep takes: time, memory, disk, price."),
    "extend": (
        "orchestrator.cli.extend",
        "Go on with a stored sweep: more trials, wider ranges, other resources, tasks.",
    ),
    "data": ("orchestrator.cli.data", "Look at a data set before a sweep does: counts and problems."),
    "posthoc": ("orchestrator.cli.posthoc", "Compute what is missing of a sweep's post-hoc results."),
    "submit": ("orchestrator.cli.submit", "Run a sweep on a cluster as a job of its head."),
    "status": ("orchestrator.cli.status", "Show the sweeps and how far they are."),
    "results": ("orchestrator.cli.results", "Show the results of a sweep as a table, CSV, Markdown or JSON."),
    "show": ("orchestrator.cli.show", "Show everything about one key."),
    "stop": ("orchestrator.cli.stop", "End a running sweep in order."),
    "delete": ("orchestrator.cli.delete", "Delete a sweep, its MLflow runs and what only it uses."),
    "gc": ("orchestrator.cli.gc", "Free disk: states of finished trainings, files of dead writers."),
    "report": ("orchestrator.cli.report", "Write the report of a sweep as one HTML file."),
    "compare": ("orchestrator.cli.compare", "Compare sweeps, with paired statistics."),
    "study": ("orchestrator.cli.study", "Write the search as an Optuna study, for optuna-dashboard."),
    "evaluate": ("orchestrator.cli.evaluate", "Evaluate a sweep's networks on another data folder."),
    "predict": ("orchestrator.cli.predict", "Predict a folder of images with a sweep's best network."),
    "localise": ("orchestrator.cli.localise", "Score a network's maps against masks of your own."),
    "explain": ("orchestrator.cli.explain", "Show what a sweep's best network looks at in your own images."),
    "export": ("orchestrator.cli.export", "Write a network or an ensemble as a folder of its own, with a model card."),
    "register": ("orchestrator.cli.register", "Register a network or an ensemble in MLflow's model registry."),
    "audit": ("orchestrator.cli.audit", "Check that nothing is doubled, missing or orphaned."),
    "list": ("orchestrator.cli.list", "List the search spaces that exist by name."),
    "new-space": ("orchestrator.cli.new_space", "Write a search space of your own, commented and ready to run."),
    "completion": ("orchestrator.cli.completion", "Print what makes bash, zsh or fish complete commands."),
    "ui": ("orchestrator.cli.ui", "Open the MLflow user interface on this machine."),
    "doctor": ("orchestrator.cli.doctor", "Check storage, tracking, versions, devices, disk and memory."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return [*COMMANDS]  # `list` is a module of this package once its command was called

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands from the table, which imports none of them, and options."""
        found = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is told with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command {args[0]!r}. {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: nothing is imported for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xray-orchestrator", prog_name="orchestrator")
def cli() -> None:
    """Sweeps of X-ray classifiers that can be trusted: training, uncertainty, explanations, tracking.

    Exit codes: 0 done, 1 finished with findings or failed trials, 2 a mistake in the call, 3 the machine or the tracking
    server, 130 interrupted (the same command goes on).
    """


def main() -> None:
    """Run the command line; a mistake of the user or the machine is one paragraph, never a stack trace."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a command as Ctrl-C does, with its code
    try:
        sys.exit(cli(prog_name="orchestrator", standalone_mode=False) or 0)
    except click.exceptions.Abort:
        click.echo("Interrupted. Nothing was changed.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        _tell_usage(error)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("Interrupted. The same command goes on.", err=True)
        sys.exit(130)
    except (ValueError, MachineError, OSError) as error:
        if os.environ.get("ORCHESTRATOR_DEBUG"):
            raise
        click.echo(f"Error: {_told(error)}", err=True)
        sys.exit(2 if isinstance(error, ValueError) else 3)


def _tell_usage(error: click.ClickException) -> None:
    """A wrong call in one paragraph; a call of nothing at all gets the help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    more = f" More: {context.command_path} --help" if context is not None else ""
    told = error.format_message()
    if isinstance(error, click.exceptions.NoSuchOption) and context is not None:
        known = [option for each in context.command.get_params(context) for option in each.opts if option[0] == "-"]
        told = f"There is no option {error.option_name!r}. {nearest(error.option_name, known)}"
    click.echo(f"Error: {told}{more}", err=True)


def _told(error: Exception) -> str:
    """The error in one paragraph; one of the operating system with what it was about."""
    if isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename else ""
        return f"{about}{error.strerror}. The machine refused it; check the disk and its permissions (orchestrator doctor)."
    return str(error)
