"""The state of a training as files: tensors in safetensors, the rest in JSON. Nothing is pickled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables.spec.files import OPTIMIZER, WEIGHTS

PROGRESS = "progress.json"
OF_LOSS = "loss."


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """Everything that the next epoch depends on.

    The learning rate follows from the epoch; what a plateau has taken off it, and the loss scale of float16, are numbers in
    `progress`.

    Attributes:
        weights: parameters and buffers by name.
        optimizer: moments by `number.name`.
        random_state: torch's CPU generator.
        progress: epoch, best epoch and value, whether training is over, scales of learning rate and loss.
        loss: the loss's own variables by name; none for most losses.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    random_state: Tensor
    progress: dict[str, float | int | bool | None]
    loss: dict[str, Tensor] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the files of the state into a folder."""
        save_file(_contiguous(self.weights), folder / WEIGHTS)
        of_loss = {f"{OF_LOSS}{name}": tensor for name, tensor in self.loss.items()}
        tensors = {**self.optimizer, **of_loss, "random_state": self.random_state}
        save_file(_contiguous(tensors), folder / OPTIMIZER)
        (folder / PROGRESS).write_text(json.dumps(self.progress))

    @staticmethod
    def load(folder: Path) -> TrainingState:
        """Read what `save` wrote."""
        tensors = load_file(folder / OPTIMIZER)
        random_state = tensors.pop("random_state")
        loss = {name.removeprefix(OF_LOSS): tensors.pop(name) for name in list(tensors) if name.startswith(OF_LOSS)}
        progress = json.loads((folder / PROGRESS).read_text())
        return TrainingState(
            weights=load_file(folder / WEIGHTS),
            optimizer=tensors,
            random_state=random_state,
            progress=progress,
            loss=loss,
        )


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in the one memory format that a file has."""
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
