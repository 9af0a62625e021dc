"""A training whose other workers do what worker 0 does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from trainables.checkpoint import TrainingState
from trainables.data.images import ImageSet
from trainables.data_parallel import Group, receive, send, share_state, share_tensors
from trainables.epoch_report import EpochReport
from trainables.fit import Training
from trainables.spec import TrialSpec


class LeadTraining(Training):
    """The training of worker 0: tells the others, who `follow`, before it does anything.

    Args:
        spec: what is trained.
        data: the whole data set.
        order: what the others need to make the same training; JSON values.
        weights_folder: where local weight files lie.
        lungs: trained weights of the U-Net, for a trial with lungs.
        group: the workers.
    """

    def __init__(
        self,
        spec: TrialSpec,
        data: ImageSet,
        *,
        order: dict[str, Any],
        weights_folder: Path | None = None,
        lungs: dict[str, Tensor] | None = None,
        group: Group,
    ) -> None:
        send(group, {"do": "train", **order})
        super().__init__(spec, data, weights_folder=weights_folder, lungs=lungs, group=group)

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """See `Training`."""
        send(self.group, {"do": "begin_with"})
        super().begin_with(share_tensors(self.group, weights))

    def load(self, state: TrainingState) -> None:
        """See `Training`."""
        send(self.group, {"do": "load"})
        super().load(share_state(self.group, state))

    def run_epoch(self) -> EpochReport:
        """See `Training`."""
        send(self.group, {"do": "epoch"})
        return super().run_epoch()


def dismiss(group: Group) -> None:
    """Let the others go."""
    send(group, {"do": "end"})


def follow(group: Group, train: Callable[[dict[str, Any]], Training]) -> None:
    """Do in another worker what worker 0 does, until it says that it has ended.

    Args:
        group: the workers.
        train: makes the training that an order of worker 0 describes.

    Raises:
        WorkerLost: worker 0 is gone.
        TrainingDiverged: in all workers at once.
    """
    training: Training | None = None
    while (message := receive(group))["do"] != "end":
        if message["do"] == "train":
            training = train(message)
            continue
        assert training is not None
        if message["do"] == "begin_with":
            training.begin_with(share_tensors(group))
        elif message["do"] == "load":
            training.load(share_state(group))
        else:
            training.run_epoch()
