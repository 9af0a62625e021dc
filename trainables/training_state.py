"""A training as a state to be stored, and back."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from trainables.averaging import AveragedWeights
from trainables.checkpoint import TrainingState
from trainables.losses.interface import Loss
from trainables.losses.variables import load_variables, variables
from trainables.models import Classifier
from trainables.optimization import Plateau, load_optimizer, load_scaler, optimizer_tensors, scaler_progress

NOT_AVERAGED = "not_averaged."


class Resumable(Protocol):
    """What of a training is stored; `trainables.fit.Training` has it."""

    classifier: Classifier
    average: AveragedWeights | None
    optimizer: torch.optim.Optimizer
    loss: Loss
    scaler: torch.amp.GradScaler
    plateau: Plateau
    begun: bool
    epoch: int
    best_epoch: int
    best_value: float
    finished: bool

    @property
    def evaluated(self) -> Classifier:
        """What the metrics of an epoch belong to."""
        ...


def state_of(training: Resumable) -> TrainingState:
    """Everything that the next epoch depends on; `weights` are those that were evaluated."""
    optimizer = optimizer_tensors(training.optimizer)
    if training.average:
        optimizer |= {f"{NOT_AVERAGED}{name}": tensor for name, tensor in _weights(training.classifier).items()}
    return TrainingState(
        weights=_weights(training.evaluated),
        optimizer=optimizer,
        loss=variables(training.loss),
        random_state=torch.get_rng_state(),
        progress={
            "epoch": training.epoch,
            "best_epoch": training.best_epoch,
            "best_value": None if math.isinf(training.best_value) else training.best_value,
            "finished": training.finished,
            "averaged_steps": training.average.steps if training.average else 0,
            "rate_scale": training.plateau.scale,
            "plateau_waited": training.plateau.waited,
            **scaler_progress(training.scaler),
        },
    )


def restore(training: Resumable, state: TrainingState) -> None:
    """Continue from a state that `state_of` gave."""
    training.begun = True
    progress = state.progress
    if training.average:
        training.average.load(state.weights, int(progress["averaged_steps"] or 0))
    length = len(NOT_AVERAGED)
    raw = {name[length:]: tensor for name, tensor in state.optimizer.items() if name.startswith(NOT_AVERAGED)}
    training.classifier.load_state_dict(raw or state.weights)
    moments = {name: tensor for name, tensor in state.optimizer.items() if not name.startswith(NOT_AVERAGED)}
    load_optimizer(training.optimizer, moments)
    load_scaler(training.scaler, progress)
    training.plateau = Plateau(scale=progress.get("rate_scale", 1.0), waited=progress.get("plateau_waited", 0))  # type: ignore[arg-type]
    load_variables(training.loss, state.loss)
    torch.set_rng_state(state.random_state)
    training.epoch, training.best_epoch = int(progress["epoch"]), int(progress["best_epoch"])  # type: ignore[arg-type]
    best = progress["best_value"]
    training.best_value = math.inf if best is None else float(best)
    training.finished = bool(progress["finished"])


def _weights(classifier: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in classifier.state_dict().items()}
