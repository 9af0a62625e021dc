"""A sweep with everything around it: executor, progress display, tracking."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import TrackingError
from orchestrator.executors.protocol import Executor
from orchestrator.progress import Progress, ProgressForm, open_progress
from orchestrator.progress_json import ProgressJson
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store, require_writable
from orchestrator.sweep.interrupts import Interrupts
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from orchestrator.tracking.mirror import Mirror, clear_pending, mark_pending, pending
from orchestrator.tracking.mirror_thread import MirrorThread
from orchestrator.tracking.mlflow import open_tracker


@dataclass(frozen=True, kw_only=True)
class Session:
    """How a start ended, with what surrounds it.

    Attributes:
        ended: of the sweep.
        tracking_problem: why the tracking server lacks something; empty if it has everything.
    """

    ended: Ended
    tracking_problem: str


def run_with_everything(
    launch: Launch,
    *,
    address: str | None = None,
    inline: bool = False,
    quiet: bool = False,
    posthoc_only: bool = False,
    own_process: bool = False,
    progress: ProgressForm = "auto",
) -> Session:
    """Run a launch on Ray (or inline), show its progress and mirror it to the tracking server.

    Args:
        launch: what to run.
        address: of a running Ray cluster, None for a Ray of its own.
        inline: run in this process instead.
        quiet: show nothing.
        posthoc_only: compute missing post-hoc results and start no trial.
        own_process: whether a second signal may end the whole process: on the command line, not in a notebook.
        progress: how to show it.

    Raises:
        ValueError: a mistake in the call; nothing was changed.
        MachineError: storage, cluster or another driver is in the way.
    """
    require_writable(launch.storage)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with Interrupts(own_process=own_process) as interrupts:
        display = open_progress(launch.name, form=progress, quiet=quiet)
        return _run(launch, make_executor(address, inline), interrupts, display, posthoc_only=posthoc_only)


def _run(
    launch: Launch,
    executor: Executor,
    interrupts: Interrupts,
    display: Progress | ProgressJson,
    *,
    posthoc_only: bool,
) -> Session:
    ledger = Ledger(launch.storage, launch.name)
    opener = functools.partial(open_tracker, launch.storage, launch.name)
    mirror = MirrorThread(Mirror(opener, Store(launch.storage), ledger))
    try:
        with display as progress:
            ended = run_sweep(launch, executor, [progress, mirror], posthoc_only=posthoc_only, interrupts=interrupts)
            executor.close()
            if ended.finished and pending(ledger):
                progress.note("bringing MLflow up to date")
    except BaseException:
        mirror.abandon()
        raise
    finally:
        executor.close()
    arrival = mirror.close(timeout_seconds=120 if ended.finished else 5)
    return Session(ended=ended, tracking_problem=arrival.message)


def bring_up_to_date(storage: Path, name: str) -> str:
    """Bring the tracking server to what the ledger says, now.

    Returns:
        Why it lacks something; empty if it has everything.
    """
    ledger = Ledger(storage, name)
    try:
        Mirror(functools.partial(open_tracker, storage, name), Store(storage), ledger).sync()
    except TrackingError as error:
        mark_pending(ledger, str(error))
        return str(error)
    clear_pending(ledger)
    return ""


def make_executor(address: str | None, inline: bool) -> Executor:
    """The executor that a user asked for."""
    if inline:
        from orchestrator.executors.inline import InlineExecutor

        return InlineExecutor()
    from orchestrator.executors.ray import RayExecutor

    return RayExecutor(address)
