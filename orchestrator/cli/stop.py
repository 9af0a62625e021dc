"""`orchestrator stop`."""

from __future__ import annotations

import os
import signal
import socket
import time

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, storage_option
from orchestrator.errors import MachineError
from orchestrator.storage.address import Storage


@click.command("stop")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@storage_option
@click.option(
    "--wait", "wait_seconds", type=float, default=30.0, show_default=True, help="Seconds to wait for its end."
)
def command(sweep: str | None, storage: Storage, wait_seconds: float) -> int:
    """End a running sweep in order, as Ctrl-C in its terminal would. The sweep command goes on with it later."""
    ledger = find_sweep(storage, sweep)
    holder = ledger.holder()
    if holder is None:
        click.echo(f"{ledger.name} is not running.")
        return 0
    if holder.get("host") != socket.gethostname():
        raise MachineError(
            f"{ledger.name} is run by process {holder.get('pid')} on {holder.get('host')}, and this is "
            f"{socket.gethostname()}. Call `orchestrator stop` there."
        )
    os.kill(int(holder["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        if ledger.holder() is None:
            click.echo(f"{ledger.name} has ended. Go on with it by the command that started it.")
            return 0
        time.sleep(0.1)
    raise MachineError(
        f"Process {holder['pid']} was asked to end {ledger.name} and still runs after {wait_seconds:g} seconds. Ask once "
        f"more with --wait, or end it at once: kill {holder['pid']}"
    )
