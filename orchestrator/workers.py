"""Trials that several processes train together: the first one is the trial's run, the others do what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.data import open_data
from orchestrator.lungs import lung_weights
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, TrialRun
from trainables.spec import TrialSpec, from_plain, to_plain

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.data.images import ImageSet
    from trainables.data_parallel import Group
    from trainables.led_training import LeadTraining


def lead(group: Group, orders: Iterable[TrialJob], say: Callable[[Report], None]) -> None:
    """What worker 0 runs: an epoch for every order. It alone touches the chain of epochs.

    Args:
        group: the workers.
        orders: the trial to take further; trials may follow each other.
        say: takes the report of an epoch, which is committed then.
    """
    from trainables.led_training import dismiss

    run: TrialRun | None = None
    for job in orders:
        if run is None or run.job != job:
            run = TrialRun(job, train=partial(_train, group, job))
        say(run.step())
    dismiss(group)


def follow(group: Group) -> None:
    """What every other worker runs."""
    import torch

    from trainables import led_training
    from trainables.fit import Training

    def train(order: dict[str, Any]) -> Training:
        job = TrialJob(**order["job"])
        spec: TrialSpec = from_plain(TrialSpec, order["spec"])
        torch.set_num_threads(job.threads)
        data = open_data(Store(job.storage), job.data_key)
        folder = Path(job.weights_folder) if job.weights_folder else None
        lungs = lung_weights(Store(job.storage), job.lungs_key) if job.lungs_key else None
        return Training(spec, data, weights_folder=folder, lungs=lungs, group=group)

    led_training.follow(group, train)


def _train(
    group: Group,
    job: TrialJob,
    spec: TrialSpec,
    data: ImageSet,
    weights_folder: Path | None,
    lungs: dict[str, Tensor] | None,
) -> LeadTraining:
    from trainables.led_training import LeadTraining

    order = {"job": job.to_plain(), "spec": to_plain(spec)}
    return LeadTraining(spec, data, order=order, weights_folder=weights_folder, lungs=lungs, group=group)
