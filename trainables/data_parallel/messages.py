"""What worker 0 tells the others between epochs: JSON and tensors. Nothing is pickled."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from trainables.checkpoint import TrainingState
from trainables.data_parallel.group import Group


def send(group: Group, message: dict[str, Any]) -> None:
    """Tell the others; worker 0 alone does."""
    if group.size > 1:
        written = torch.tensor(list(json.dumps(message).encode()), dtype=torch.uint8)
        group.from_first(torch.tensor([len(written)]))
        group.from_first(written)


def receive(group: Group) -> dict[str, Any]:
    """Wait for what worker 0 tells."""
    length = int(group.from_first(torch.zeros(1, dtype=torch.int64)))
    written = group.from_first(torch.zeros(length, dtype=torch.uint8))
    message: dict[str, Any] = json.loads(bytes(written.tolist()))
    return message


def share_tensors(group: Group, tensors: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Give every worker the tensors of worker 0, which alone passes them; on the CPU."""
    if tensors is not None:
        tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
        kinds = [[name, str(each.dtype).removeprefix("torch."), list(each.shape)] for name, each in tensors.items()]
        send(group, {"tensors": kinds})
    else:
        kinds = receive(group)["tensors"]
        tensors = {name: torch.zeros(shape, dtype=getattr(torch, kind)) for name, kind, shape in kinds}
    return {name: group.from_first(tensor) for name, tensor in tensors.items()}


def share_state(group: Group, state: TrainingState | None = None) -> TrainingState:
    """Give every worker the state of worker 0, which alone passes it."""
    if state is not None:
        send(group, state.progress)
    progress = state.progress if state is not None else receive(group)
    return TrainingState(
        weights=share_tensors(group, state.weights if state else None),
        optimizer=share_tensors(group, state.optimizer if state else None),
        loss=share_tensors(group, state.loss if state else None),
        random_state=share_tensors(group, {"random_state": state.random_state} if state else None)["random_state"],
        progress=progress,
    )
