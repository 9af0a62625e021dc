"""Losses with variables of their own, which are trained beside the weights and stored with them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class TrainedLoss(nn.Module):
    """A `Loss` with parameters; those of a saddle point are minimised by some and maximised by others."""

    def begin_epoch(self, epoch: int) -> None:
        """Called before every epoch, 0 for the first."""

    def minimised(self) -> list[nn.Parameter]:
        """Variables that the loss falls with, as it does with the weights."""
        return []

    def maximised(self) -> list[nn.Parameter]:
        """Variables, 0 or above, that the loss shall rise with."""
        return []


def begin_epoch(epoch: int, *parts: Any) -> None:
    """Tell the epoch to those losses and optimisers that ask for it."""
    for part in parts:
        if hasattr(part, "begin_epoch"):
            part.begin_epoch(epoch)


def variables(loss: Any) -> dict[str, Tensor]:
    """Copies of a loss's own variables by name; none for most losses."""
    if not isinstance(loss, TrainedLoss):
        return {}
    return {name: tensor.detach().cpu().clone() for name, tensor in loss.state_dict().items()}


def load_variables(loss: Any, tensors: dict[str, Tensor]) -> None:
    """Set what `variables` gave."""
    if isinstance(loss, TrainedLoss):
        loss.load_state_dict(tensors)
