"""Five names behind which trials and tasks run: in this process, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from orchestrator.posthoc import PosthocBatch, PosthocOutcome
from orchestrator.storage.ledger import Report
from orchestrator.trial import TrialJob
from search_spaces.objective import Objective
from search_spaces.schedulers import Scheduler
from search_spaces.stopping import Rule, make_rule
from search_spaces.sweep import Resources

Ending: TypeAlias = Literal["finished", "stopped", "failed"]
WAIT: Literal["wait"] = "wait"
FINISHED: Literal["finished"] = "finished"


@dataclass(frozen=True, kw_only=True)
class Scheduling:
    """What ends poor trials early.

    Attributes:
        scheduler: what does, or None if every trial runs to its end.
        objective: what it compares.
        history: reports of trials of earlier starts, in order of time: (trial's name, epoch, value).
    """

    scheduler: Scheduler | None
    objective: Objective
    history: Sequence[tuple[str, int, float]] = ()

    def rule(self) -> Rule:
        """What decides after each report, told of the history."""
        return make_rule(self.scheduler, self.objective, self.history)


class TrialSteps(Protocol):
    """A trial on its worker, an epoch at a time."""

    def step(self) -> Report:
        """Compute and commit the next epoch, or return the last report of what is complete already."""
        ...


MakeTrial: TypeAlias = Callable[[TrialJob], TrialSteps]
"""Makes a trial of its description, on the worker; `orchestrator.trial.TrialRun` trains a network."""


class TrialSource(Protocol):
    """Where an executor gets trials and leaves what they say. All of it is called in the driver's main thread."""

    def next_trial(self) -> TrialJob | Literal["wait", "finished"]:
        """The next trial to start; `wait` if one may come when others have ended; `finished` if none will."""
        ...

    def on_report(self, name: str, report: Report) -> None:
        """A trial has completed an epoch."""
        ...

    def on_end(self, name: str, ending: Ending, reason: str = "") -> None:
        """A trial is over: complete, stopped by the scheduler, or failed. `stopped` also says that it waits (`TrialJob.until`)."""
        ...

    def on_tick(self) -> None:
        """Called between reports, several times a second."""
        ...

    def interrupted(self) -> bool:
        """Whether the user wants an end; what runs is then left unfinished."""
        ...


class Executor(Protocol):
    """Runs trials and tasks somewhere."""

    def start(self, *, concurrent: int | None, resources: Resources) -> int:
        """Get ready, and say how many trials will run at once."""
        ...

    def run(self, source: TrialSource, scheduling: Scheduling) -> None:
        """Run trials of the source until it is finished or interrupted."""
        ...

    def submit(self, batch: PosthocBatch) -> None:
        """Have post-hoc results computed beside the trials."""
        ...

    def collect(self, timeout_seconds: float = 0.0) -> list[PosthocOutcome]:
        """Outcomes of batches that have ended since; waits up to the timeout for the first one."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...
