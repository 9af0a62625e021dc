"""The proximal epoch stochastic gradient method, PESG, for saddle points such as the AUC margin loss's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Pesg(torch.optim.Optimizer):
    """PESG (Yuan et al. 2021, algorithm 1; Guo et al. 2020).

    `v <- v - rate (grad_v + epoch_decay (v - v_ref) + weight_decay v)` for the weights and the minimised variables of the
    loss, `alpha <- max(0, alpha + rate grad_alpha)` for the maximised ones. v_ref is where v started in the first epoch,
    and the mean of the epoch before in each later one. (libauc, the authors' library, starts v_ref at random, moves it
    when the user says so, adds momentum, and takes another estimate of alpha's gradient.)

    What it remembers of a parameter lies in `state`, so that it is stored as any optimiser's is.

    Args:
        minimised: weights, and variables of the loss.
        maximised: variables of the loss that are kept at 0 or above.
        lr: rate of both.
        weight_decay: pull towards 0, on the minimised ones.
        epoch_decay: pull towards v_ref, on the minimised ones; the inverse of the paper's gamma.
    """

    def __init__(
        self,
        minimised: Iterable[nn.Parameter],
        maximised: Iterable[nn.Parameter] = (),
        *,
        lr: float,
        weight_decay: float = 0.0,
        epoch_decay: float = 2e-3,
    ) -> None:
        groups: list[dict[str, Any]] = [{"params": list(minimised), "maximised": False}]
        if ascended := list(maximised):
            groups.append({"params": ascended, "maximised": True})
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "epoch_decay": epoch_decay})

    def begin_epoch(self, epoch: int) -> None:
        """Move v_ref to the mean of the epoch before."""
        for state in self.state.values():
            if state["step"] > 0:
                state["reference"] = state["sum"] / state["step"]
                state["sum"] = torch.zeros_like(state["sum"])
                state["step"] = torch.zeros(())

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step along the gradients that are there; a parameter without one stays where it is."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in (each for each in group["params"] if each.grad is not None):
                if group["maximised"]:
                    parameter.add_(parameter.grad, alpha=group["lr"]).clamp_(min=0)
                else:
                    self._descend(parameter, parameter.grad, group)
        return loss

    def _descend(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        proximal = group["epoch_decay"]
        if not proximal:
            parameter.add_(gradient.add(parameter, alpha=group["weight_decay"]), alpha=-group["lr"])
            return
        state = self.state[parameter]
        if not state:
            state.update(reference=parameter.clone(), sum=torch.zeros_like(parameter), step=torch.zeros(()))
        direction = gradient.add(parameter, alpha=group["weight_decay"] + proximal)
        direction.sub_(state["reference"], alpha=proximal)
        parameter.add_(direction, alpha=-group["lr"])
        state["sum"] += parameter
        state["step"] += 1
