"""Learning rate, optimiser and loss scale of a training, and their state as tensors and plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.losses import Loss
from trainables.losses.variables import TrainedLoss
from trainables.models import Classifier
from trainables.pesg import Pesg
from trainables.spec import Optimizer, PlateauDecay, Schedule, StepDecay, TrialSpec

AUTOCAST = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def learning_rate(spec: TrialSpec, position: float) -> float:
    """Learning rate at a position counted in epochs (2.5 is the middle of the third one).

    What `PlateauDecay` takes off it is no function of the position: see `Plateau`.
    """
    schedule: Schedule = spec.schedule
    if position < schedule.warmup_epochs:
        return spec.optimizer.learning_rate * (position + 1e-3) / schedule.warmup_epochs
    beyond = position - schedule.warmup_epochs
    if schedule.decay == "cosine":
        length = (schedule.epochs - schedule.warmup_epochs) / schedule.cycles
        share = (beyond - min(int(beyond / length), schedule.cycles - 1) * length) / length
        return spec.optimizer.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    if isinstance(schedule.decay, StepDecay):
        return spec.optimizer.learning_rate * schedule.decay.factor ** int(beyond / schedule.decay.every_epochs)
    return spec.optimizer.learning_rate


@dataclass
class Plateau:
    """How far `PlateauDecay` has brought the learning rate down. With any other decay it stays as it begins.

    Attributes:
        scale: factor of the learning rate.
        waited: epochs in a row without a new best.
    """

    scale: float = 1.0
    waited: int = 0

    def judge(self, schedule: Schedule, epoch: int, *, improved: bool) -> None:
        """Take an epoch into account, as torch's `ReduceLROnPlateau` does with a threshold of 0."""
        if not isinstance(schedule.decay, PlateauDecay) or epoch <= schedule.warmup_epochs:
            return
        self.waited = 0 if improved else self.waited + 1
        if self.waited > schedule.decay.patience_epochs:
            self.scale, self.waited = self.scale * schedule.decay.factor, 0


def build_optimizer(spec: Optimizer, classifier: nn.Module, loss: Loss | None = None) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are trained, and over the variables of the loss if it has some."""
    parameters = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    rate, decay = spec.learning_rate, spec.weight_decay
    if spec.kind == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9)
    if spec.kind == "pesg":
        down, up = (loss.minimised(), loss.maximised()) if isinstance(loss, TrainedLoss) else ([], [])
        pull = 2e-3 if spec.epoch_decay is None else spec.epoch_decay
        return Pesg([*parameters, *down], up, lr=rate, weight_decay=decay, epoch_decay=pull)
    family = torch.optim.Adam if spec.kind == "adam" else torch.optim.AdamW
    return family(parameters, lr=rate, weight_decay=decay)


def build_scaler(schedule: Schedule, device: torch.device) -> torch.amp.GradScaler:
    """What keeps small float16 gradients from vanishing; does nothing at any other precision.

    Raises:
        ValueError: float16 on a device that is no CUDA device.
    """
    if schedule.precision == "float16" and device.type != "cuda":
        raise ValueError(
            f"schedule/precision is 'float16', and this worker trains on {device.type}: a scaled loss in float16 is for CUDA "
            "devices. Use 'bfloat16' or 'float32' here."
        )
    return torch.amp.GradScaler(device.type, enabled=schedule.precision == "float16")


def compiled(classifier: Classifier) -> Classifier:
    """The same network, weight by weight, with a backbone that torch compiles when it is called first.

    Every shape of a batch is compiled for itself, whatever was seen before: a training that was continued meets the shapes in
    another order than one that was not, and must use the same kernels. For the same reason torch forgets what it compiled
    for other trainings of the process: beyond a number of them it would go on uncompiled, with no more than a warning.
    """
    torch.compiler.reset()
    backbone: nn.Module = torch.compile(classifier.backbone, dynamic=False)  # type: ignore[assignment]
    view = Classifier(backbone=backbone, pooling=classifier.pooling, head=classifier.head, members=classifier.members)
    view.normalisation = classifier.normalisation
    return view


def steps_of(batches: Sequence[Tensor], accumulate: int) -> Iterator[list[tuple[Tensor, float]]]:
    """The batches of each optimiser step, every one with its share of the step's images; the last step may have fewer."""
    for start in range(0, len(batches), accumulate):
        group = batches[start : start + accumulate]
        images = sum(len(rows) for rows in group)
        yield [(rows, len(rows) / images) for rows in group]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of the optimiser as `number.name` to a tensor."""
    return {
        f"{number}.{name}": (value if isinstance(value, Tensor) else torch.tensor(value)).detach().cpu().clone()
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Continue from what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        number, name = path.split(".", 1)
        state.setdefault(int(number), {})[name] = _as_weights_lie(value)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def scaler_progress(scaler: torch.amp.GradScaler) -> dict[str, float | int | bool | None]:
    """State of the loss scale: itself, and the steps since it last changed."""
    if not scaler.is_enabled():
        return {}
    state = scaler.state_dict()
    return {"loss_scale": state["scale"], "loss_scale_steps": state["_growth_tracker"]}


def load_scaler(scaler: torch.amp.GradScaler, progress: dict[str, float | int | bool | None]) -> None:
    """Continue from what `scaler_progress` gave."""
    if scaler.is_enabled():
        told = {"scale": progress["loss_scale"], "_growth_tracker": progress["loss_scale_steps"]}
        scaler.load_state_dict({**scaler.state_dict(), **told})


def _as_weights_lie(moment: Tensor) -> Tensor:
    """A moment in the memory format of the weights it belongs to: a mixture would be slow."""
    return moment.clone(memory_format=torch.channels_last if moment.ndim == 4 else torch.contiguous_format)
