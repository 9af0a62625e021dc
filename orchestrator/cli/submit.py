"""`orchestrator submit`."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import json_option, print_json
from orchestrator.errors import MachineError

if TYPE_CHECKING:
    from orchestrator.executors.ray.jobs import Job, Jobs

ON_THE_HEAD = "http://127.0.0.1:8265"
FOLDER_ON_THE_HEAD = "~/xray"
ENDED_WELL = "SUCCEEDED"


@click.command("submit", context_settings={"ignore_unknown_options": True})
@click.argument("cluster")
@click.argument("space", required=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option("--follow", is_flag=True, help="Show what the sweep prints, until it is over.")
@click.option("--stop", "stop", metavar="ID", help="End a submitted sweep in order.")
@click.option("--jobs", "jobs", is_flag=True, help="List what was submitted.")
@click.option("--logs", "logs", metavar="ID", help="Show what a submitted sweep prints, until it is over.")
@json_option
def command(
    cluster: str,
    space: str | None,
    options: tuple[str, ...],
    follow: bool,
    stop: str | None,
    jobs: bool,
    logs: str | None,
    as_json: bool,
) -> int:
    """Run a sweep on a cluster, with its driver on the cluster's head.

    CLUSTER is the cluster's file (cluster.yaml), or the address of its dashboard where a tunnel leads there:
    http://127.0.0.1:8265. SPACE and the options after it are those of `orchestrator sweep`. A SPACE that is a file of your own
    is sent to the head; through a tunnel it has to lie there under the same path. Other paths are those of the head.
    """
    asked = [bool(space), bool(stop), jobs, bool(logs)]
    if sum(asked) != 1:
        raise click.UsageError("Name a SPACE to run, or one of --jobs, --logs ID and --stop ID.")
    if not cluster.startswith("http"):
        return _on_the_head(cluster, space, _given(space, options, follow, stop, jobs, logs, as_json))
    from orchestrator.executors.ray.jobs import Jobs

    known = Jobs(cluster)
    if space:
        place = str(Path(space).absolute()) if Path(space).is_file() else space  # a job has a folder of its own
        entry = shlex.join(["orchestrator", "sweep", place, "--address", "auto", "--quiet", *options])
        name = known.submit(entry, prefix=Path(space).stem)
        click.echo(f"Submitted {name}. Its log: orchestrator submit {cluster} --logs {name}", err=True)
        return _followed(known, name) if follow else _tell([known.one(name)], as_json)
    if logs:
        return _followed(known, logs)
    return _tell([known.stop(stop)] if stop else known.all(), as_json)


def _given(
    space: str | None,
    options: tuple[str, ...],
    follow: bool,
    stop: str | None,
    jobs: bool,
    logs: str | None,
    as_json: bool,
) -> list[str]:
    """The same call again, for the head."""
    flags = [name for name, given in (("--follow", follow), ("--jobs", jobs), ("--json", as_json)) if given]
    named = [part for name, value in (("--stop", stop), ("--logs", logs)) if value for part in (name, value)]
    return [*flags, *named, *([space] if space else []), *options]


def _on_the_head(cluster: str, space: str | None, arguments: list[str]) -> int:
    """Have the head ask its own dashboard: nothing of the cluster listens beyond the head itself.

    A file with a search space is sent there first.
    """
    file = Path(cluster)
    if not file.is_file():
        raise ValueError(
            f"There is no file {cluster}. Name the cluster's file, or http://127.0.0.1:8265 through a tunnel."
        )
    if space and Path(space).is_file():
        there = f"{FOLDER_ON_THE_HEAD}/{Path(space).name}"
        _ray("rsync-up", cluster, str(Path(space).absolute()), there)
        arguments[arguments.index(space)] = Path(space).name
    line = shlex.join(["orchestrator", "submit", ON_THE_HEAD, *arguments])
    return _ray("exec", cluster, f"cd {FOLDER_ON_THE_HEAD} && {line}")


def _ray(*arguments: str) -> int:
    """Ray's own command line, of this environment.

    Raises:
        MachineError: the head cannot be reached, or refuses.
    """
    beside = Path(sys.executable).with_name("ray")
    program = str(beside) if beside.exists() else shutil.which("ray") or "ray"
    ended = subprocess.run([program, *arguments], check=False).returncode
    if ended:
        raise MachineError(
            f"`ray {arguments[0]} {arguments[1]}` ended with code {ended}; what it said stands above. Is the cluster up "
            f"(ray up {arguments[1]})?"
        )
    return 0


def _followed(jobs: Jobs, name: str) -> int:
    job = jobs.follow(name, lambda text: click.echo(text, nl=False))
    click.echo(f"{job.name}: {job.state.lower()}. {job.message}", err=True)
    return 0 if job.state == ENDED_WELL else 1


def _tell(jobs: list[Job], as_json: bool) -> int:
    if as_json:
        print_json({"jobs": [_plain(job) for job in jobs]})
    elif not jobs:
        click.echo("No sweep was submitted to this cluster yet.")
    else:
        for job in jobs:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.started)) if job.started else "not yet"
            click.echo(f"{job.name}: {job.state.lower()}, started {since}\n  {job.command}")
    return 0


def _plain(job: Job) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(job)
