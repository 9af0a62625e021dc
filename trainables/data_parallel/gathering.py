"""The logits of a whole batch in every worker, with a gradient that reaches this worker's images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainables.losses.interface import at_least_float32
from trainables.models import Classifier


class GatheredLogits(nn.Module):
    """A network that sees a part of a batch and answers for all of it.

    Args:
        learner: the network.
        add: sums a tensor over the workers in place; None if every worker computes the whole batch.
        part: the rows of this worker.
        targets: of the whole batch.
        workers: how many there are.
    """

    def __init__(
        self, learner: Classifier, add: Callable[[Tensor], Tensor] | None, part: slice, targets: Tensor, workers: int
    ) -> None:
        super().__init__()
        self.learner, self.add, self.part = learner, add, part
        self.rows, self.workers = len(targets), workers

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the batch, [batch, classes], in float32 or better, from the worker's images."""
        logits = at_least_float32(self.learner(images))
        if self.add is None:
            whole: Tensor = _Shared.apply(logits, self.workers)
        else:
            whole = _Gathered.apply(logits, self.add, self.part, self.rows)
        return whole


def require_divisible(targets: Tensor) -> None:
    """Refuse a loss on maps over several labels: its mean over known labels is none over images.

    Raises:
        ValueError: with the way out.
    """
    if targets.ndim == 2:
        raise ValueError(
            "resources/workers is above 1, and this loss on saliency maps is weighted over the known labels of a whole batch, "
            "which no worker sees. Train it with --set resources/workers=1, or take a loss without maps."
        )


class _Gathered(torch.autograd.Function):
    """Every worker computes the same loss from all logits; the derivative in its own rows is its own."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, add: Callable[[Tensor], Tensor], part: slice, rows: int) -> Tensor:
        ctx.part = part
        whole = mine.new_zeros(rows, *mine.shape[1:])
        whole[part] = mine
        return add(whole)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return gradients[0][ctx.part], None, None, None


class _Shared(torch.autograd.Function):
    """Every worker computes the whole batch, and brings an equal share of its gradient."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, workers: int) -> Tensor:
        ctx.workers = workers
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] / ctx.workers, None
