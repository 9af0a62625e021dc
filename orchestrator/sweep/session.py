"""A sweep with everything around it: executor, progress display, tracking."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass

from orchestrator.errors import TrackingError
from orchestrator.executors.protocol import Executor
from orchestrator.progress import Progress, ProgressForm, open_progress
from orchestrator.progress_json import ProgressJson
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.places import place_of
from orchestrator.storage.store import Store
from orchestrator.sweep.interrupts import Interrupts
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from orchestrator.sweep.measured import Measurements, with_measured
from orchestrator.tracking.mirror import Mirror, clear_pending, mark_pending, pending
from orchestrator.tracking.mirror_process import MirrorProcess
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
    executor: Executor | None = None,
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
        executor: runs the trials in place of the one that `address` and `inline` ask for.
        progress: how to show it.

    Raises:
        ValueError: a mistake in the call; nothing was changed.
        MachineError: storage, cluster or another driver is in the way.
    """
    place_of(launch.storage).require_writable()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with Interrupts(own_process=own_process) as interrupts:
        chosen = executor or make_executor(address, inline)
        display = open_progress(launch.name, form=progress, quiet=quiet)
        if posthoc_only or not launch.sweep.resources.measured:
            return _run(launch, chosen, interrupts, display, posthoc_only=posthoc_only)
        measurements = Measurements(launch)
        launch = with_measured(launch, measurements)
        session = _run(launch, chosen, interrupts, display, posthoc_only=False)
        measurements.raise_after(Ledger(launch.storage, launch.name).rows())
        return session


def _run(
    launch: Launch,
    executor: Executor,
    interrupts: Interrupts,
    display: Progress | ProgressJson,
    *,
    posthoc_only: bool,
) -> Session:
    ledger = Ledger(launch.storage, launch.name)
    process = MirrorProcess(launch.storage, launch.name)
    mirror = MirrorThread(process)
    try:
        with display as progress:
            ended = run_sweep(launch, executor, [progress, mirror], posthoc_only=posthoc_only, interrupts=interrupts)
            executor.close()
            if ended.finished and pending(ledger):
                progress.note("bringing MLflow up to date")
    except BaseException:
        mirror.abandon()
        process.end()
        raise
    finally:
        executor.close()
    if ended.finished:
        arrival = mirror.close(timeout_seconds=120, patient=True, stop=lambda: interrupts.seen)
    else:
        arrival = mirror.close(timeout_seconds=5)
    process.end()
    return Session(ended=ended, tracking_problem=arrival.message)


def bring_up_to_date(storage: Storage, name: str) -> str:
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
