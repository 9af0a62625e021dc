"""`orchestrator ui`."""

from __future__ import annotations

import os
import sys

import click

from orchestrator.cli.options import storage_option
from orchestrator.storage.address import Storage

# the jobs are MLflow's for language models: seven processes that outlive the server
QUIET = {"DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@click.command("ui")
@storage_option
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def command(storage: Storage, port: int) -> None:
    """Open the MLflow user interface on this machine, and nowhere else (127.0.0.1)."""
    import socket

    from orchestrator.storage.places import place_of
    from orchestrator.tracking.mlflow import SETTINGS, sweep_pages, tracking_uri, without_password

    uri = tracking_uri(storage, os.environ)
    if uri.startswith(("http://", "https://")):
        click.echo(f"The runs are on the tracking server {without_password(uri)}: open that address in a browser.")
        return
    local = place_of(storage).local
    if not local.is_dir():
        raise ValueError(
            f"There is no storage folder {storage}, and so no runs. Start a sweep with `orchestrator sweep demo`, or name the "
            "folder with --storage."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ValueError(f"--port {port}: something listens there already. Choose another port.") from None
    click.echo(f"Open http://127.0.0.1:{port} in a browser. Ctrl-C ends it.", err=True)
    for pages in sweep_pages(uri, f"http://127.0.0.1:{port}"):
        click.echo(f"  {pages.name}: {pages.ranked}", err=True)
        click.echo(f"    as a tree: {pages.tree}", err=True)
        click.echo(f"    as charts: {pages.charts}", err=True)
    click.echo(f"  registered models: http://127.0.0.1:{port}/#/models", err=True)
    artifacts = (local / "mlartifacts").as_uri()
    os.execve(
        sys.executable,
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", uri, "--default-artifact-root", artifacts, "--workers", "1"),
        ],
        {**SETTINGS, **QUIET, **os.environ},
    )
