"""The processes that train one network together, and what they tell each other in an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainables.data_parallel.gathering import GatheredLogits, require_divisible
from trainables.losses import Loss, LossOnLogits
from trainables.losses.auc_margin import AucMarginLoss
from trainables.models import Classifier


class WorkerLost(RuntimeError):
    """Another process of the group is gone: the failure is its, not this one's."""


class Group:
    """A group of workers that split every batch of one training among them.

    All workers draw the same order and the same augmentations and each computes its own rows, so that a batch is the batch
    of a training in one process. Without other workers every method gives back what it is given.

    Tensors on the CPU and on a GPU are exchanged, so a group with GPUs wants both backends: `cpu:gloo,cuda:nccl`.

    Attributes:
        rank: number of this worker, 0 for the one that evaluates and stores.
        size: how many workers there are.
        split: whether the batch at hand is split. One with fewer images than workers is computed whole by all of them.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size
        self.split = False

    @staticmethod
    def joined() -> Group:
        """The default group of torch.distributed, which this process has joined."""
        return Group(dist.get_rank(), dist.get_world_size())

    def part(self, images: int) -> slice:
        """The rows of a batch of so many images that are this worker's."""
        if images < self.size:
            return slice(0, images)
        return slice(images * self.rank // self.size, images * (self.rank + 1) // self.size)

    def purpose(self, name: str) -> str:
        """What random numbers are drawn for that are each worker's own, such as dropout; in worker 0 the name itself."""
        return f"{name}, worker {self.rank}" if self.rank else name

    def loss(
        self, loss: Loss, learner: Classifier, images: Tensor, targets: Tensor, part: slice
    ) -> tuple[Tensor, Tensor]:
        """The loss and the logits of a whole batch, from one worker's part of it.

        The gradient in this worker's weights is this worker's summand of the batch's gradient (see `sum_gradients`), and
        that in a loss's own variables is the batch's. A loss on logits is computed from the logits of all workers, so
        that means over classes, known labels or pairs are those of the batch. A loss on maps is a mean over images.

        Args:
            loss: what is minimised.
            learner: the network.
            images: the worker's images, [part, channels, height, width].
            targets: those of the whole batch.
            part: the worker's rows of the batch.
        """
        if self.size == 1:
            return loss(learner, images, targets)
        self.split = len(targets) >= self.size
        if isinstance(loss, LossOnLogits | AucMarginLoss):
            gathered = GatheredLogits(learner, self.sum_over_workers if self.split else None, part, targets, self.size)
            return loss(cast(Classifier, gathered), images, targets)
        require_divisible(targets)
        value, logits = loss(learner, images, targets[part])
        share = len(images) / len(targets) if self.split else 1 / self.size
        mine = value * share
        others = self.sum_over_workers(mine.detach().clone()) - mine.detach()
        return mine + others, self.gather(logits.detach(), part, len(targets)) if self.split else logits

    def sum_gradients(self, network: nn.Module) -> None:
        """Put the batch's gradient in place of each worker's summand."""
        gradients = [each.grad for each in network.parameters() if each.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = self.sum_over_workers(torch.cat([each.reshape(-1) for each in gradients]))
        for each, summed in zip(gradients, torch.split(flat, [each.numel() for each in gradients]), strict=True):
            each.copy_(summed.view(each.shape))

    def gather(self, mine: Tensor, part: slice, rows: int) -> Tensor:
        """All rows of a table of which every worker has its part; exact, because the others add zeros."""
        if self.size == 1 or rows < self.size:
            return mine
        whole = mine.new_zeros(rows, *mine.shape[1:])
        whole[part] = mine
        return self.sum_over_workers(whole)

    def sum_over_workers(self, tensor: Tensor) -> Tensor:
        """Add up in place what every worker has."""
        with _told_of_losses():
            dist.all_reduce(tensor)
        return tensor

    def from_first(self, tensor: Tensor) -> Tensor:
        """Take the tensor of worker 0, in place as far as it lies in one piece."""
        tensor = tensor.contiguous()
        if self.size > 1 and tensor.numel():
            with _told_of_losses():
                dist.broadcast(tensor, src=0)
        return tensor

    def of_all(self, tensor: Tensor) -> Tensor:
        """Stack what every worker has, [workers, ...]."""
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        with _told_of_losses():
            dist.all_gather(found, tensor)
        return torch.stack(found)

    def all_say(self, yes: bool) -> bool:
        """Whether every worker says yes."""
        return yes if self.size == 1 else int(self.sum_over_workers(torch.tensor(int(yes)))) == self.size

    def agree(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics of worker 0, under names that all have: what follows from them is decided alike."""
        names = sorted(metrics) if self.size > 1 else []
        values = self.from_first(torch.tensor([metrics[name] for name in names], dtype=torch.float64))
        return {**metrics, **dict(zip(names, values.tolist(), strict=True))}

    @torch.no_grad()
    def align(self, network: nn.Module) -> None:
        """Take over the weights of worker 0, in case machines that differ have rounded differently."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                tensor.copy_(self.from_first(tensor))


ALONE = Group()
"""A training in one process."""


@contextmanager
def _told_of_losses() -> Iterator[None]:
    """Torch says of a closed connection what the connection was; the reason stands with the worker that has closed it."""
    try:
        yield
    except RuntimeError as error:
        raise WorkerLost(f"Another worker of the group is gone: {str(error).splitlines()[0]}") from error
