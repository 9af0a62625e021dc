"""A sweep with everything around it: executor, progress display, tracking."""

from __future__ import annotations

from orchestrator.executors.protocol import Executor
from orchestrator.progress import Progress
from orchestrator.sweep.launch import Ended, Launch, run_sweep


def run_with_everything(
    launch: Launch, *, address: str | None = None, inline: bool = False, quiet: bool = False, posthoc_only: bool = False
) -> Ended:
    """Run a launch on Ray (or inline), show its progress and mirror it to the tracking server.

    Args:
        launch: what to run.
        address: of a running Ray cluster, None for a Ray of its own.
        inline: run in this process instead.
        quiet: show nothing.
        posthoc_only: compute missing post-hoc results and start no trial.
    """
    executor = make_executor(address, inline)
    try:
        with Progress(launch.name, quiet=quiet) as progress:
            return run_sweep(launch, executor, [progress], posthoc_only=posthoc_only)
    finally:
        executor.close()


def make_executor(address: str | None, inline: bool) -> Executor:
    """The executor that a user asked for."""
    if inline:
        from orchestrator.executors.inline import InlineExecutor

        return InlineExecutor()
    from orchestrator.executors.ray import RayExecutor

    return RayExecutor(address)
