"""A trial that several processes train: the first one is the trial's run, the others do what it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.data import open_data
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, TrialRun

if TYPE_CHECKING:
    from trainables.data.images import ImageSet
    from trainables.data_parallel import Group
    from trainables.fit import Training
    from trainables.spec import TrialSpec

GoOn = Callable[[], bool]
Say = Callable[[Report], None]


def work(job: TrialJob, group: Group, *, go_on: GoOn, say: Say) -> None:
    """What each worker of a trial runs. Only worker 0 touches the chain of epochs, and it alone asks and says.

    Args:
        job: the trial.
        group: the workers.
        go_on: waits until another epoch is wanted, and tells whether one is.
        say: takes the report of an epoch, which is committed then.
    """
    import torch

    torch.set_num_threads(job.threads)
    if group.rank > 0:
        _follow(job, group)
        return
    from trainables.led_training import LeadTraining, dismiss

    def train(spec: TrialSpec, data: ImageSet, weights_folder: Path | None) -> Training:
        return LeadTraining(spec, data, weights_folder=weights_folder, group=group)

    run = TrialRun(job, train=train)
    while go_on():
        say(run.step())
    dismiss(group)


def _follow(job: TrialJob, group: Group) -> None:
    from trainables.led_training import follow

    folder = Path(job.weights_folder) if job.weights_folder else None
    follow(group, open_data(Store(job.storage), job.data_key), weights_folder=folder)
