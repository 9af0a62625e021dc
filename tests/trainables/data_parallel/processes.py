"""Processes that train together, with gloo over a file; they are started once for everything that the tests look at."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from tests.trainables.test_fit import easy_images
from trainables.checkpoint import TrainingState
from trainables.data.images import ImageSet
from trainables.data_parallel import Group
from trainables.fit import Training
from trainables.led_training import LeadTraining, dismiss, follow
from trainables.spec import (
    AucMargin,
    Augmentation,
    ClassDistinct,
    Focal,
    Optimizer,
    Schedule,
    SmallCNN,
    Synthetic,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

PLAIN = TrialSpec(
    data=Synthetic(images=96, size=32),
    model=SmallCNN(widths=(4, 8)),
    optimizer=Optimizer(kind="sgd", learning_rate=0.05),
    schedule=Schedule(epochs=3, batch_size=15, accumulate=2, average_decay=0.9),
    augmentation=Augmentation(shift=0.1, rotate_degrees=5, contrast=0.2, flip=True, noise=0.05),
)
ADAM = replace(PLAIN, optimizer=Optimizer(kind="adamw", learning_rate=3e-3))
LOSSES = {
    "weighted": replace(PLAIN, loss=WeightedCrossEntropy()),
    "auc_margin": replace(
        PLAIN, loss=AucMargin(pretrain_epochs=1), optimizer=Optimizer(kind="pesg", learning_rate=0.05)
    ),
    "maps": replace(PLAIN, loss=ClassDistinct(lambda_cd=0.5, lambda_sc=0.5)),
    "labels": replace(PLAIN, loss=Focal(gamma=2.0)),
}
SMALL_STEPS = Optimizer(kind="sgd", learning_rate=0.005)
NETWORKS = {
    "timm": replace(PLAIN, model=Timm(name="test_efficientnet"), optimizer=SMALL_STEPS),
    "frozen": replace(PLAIN, model=Timm(name="test_resnet", frozen="backbone"), augmentation=Augmentation()),
}
"""Without a ReLU between 1 x 1 maps, where rounding decides now and then whether a gradient passes."""
TOGETHER = {"plain": PLAIN, "adam": ADAM, **LOSSES, **NETWORKS}
THREE = replace(PLAIN, schedule=Schedule(epochs=3, batch_size=23))
"""Over 48 images a last batch of two, which three workers cannot split."""


def images(name: str) -> ImageSet:
    """What a case is trained on: two classes, or two labels that are not always known."""
    whole = easy_images()
    if name != "labels":
        return whole
    first = whole.targets.astype(np.float32)
    second = (np.arange(len(first)) % 3 == 0).astype(np.float32)
    targets = np.stack([first, second], axis=1)
    targets[::4, 1] = np.nan
    return replace(whole, targets=targets)


@dataclass
class Trained:
    """What a training has said."""

    losses: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def epochs(self, training: Training, count: int = 3) -> Trained:
        for _ in range(count):
            metrics = training.run_epoch().metrics
            self.losses.append(metrics["train/loss"])
            self.nll.append(metrics["val/nll"])
        self.weights = training.state().weights
        return self


def train_in(rank: int, folder: str) -> None:
    """One of three processes: two train each case, two resume, then all three train."""
    torch.set_num_threads(1)
    results: dict[str, Trained] = {}
    if rank < 2:
        with _Joined(folder, rank, 2) as group:
            for name, spec in TOGETHER.items():
                results[name] = Trained().epochs(Training(spec, images(name), group=group))
            results["resumed"] = _resumed(group, Path(folder))
    with _Joined(folder, rank, 3) as group:
        results["three"] = Trained().epochs(Training(THREE, images("three"), group=group))
    torch.save({name: vars(each) for name, each in results.items()}, Path(folder) / f"worker-{rank}")


def _resumed(group: Group, folder: Path) -> Trained:
    """Two epochs, then a third one from the stored state, which only the first worker reads."""
    before = Training(ADAM, images("adam"), group=group)
    result = Trained().epochs(before, 2)
    if group.rank > 0:
        follow(group, lambda order: Training(ADAM, images(order["name"]), group=group))
        return result
    before.state().save(folder)
    after = LeadTraining(ADAM, images("adam"), order={"name": "adam"}, group=group)
    after.load(TrainingState.load(folder))
    result.epochs(after, 1)
    dismiss(group)
    return result


class _Joined:
    def __init__(self, folder: str, rank: int, size: int) -> None:
        self._file, self._rank, self._size = f"file://{folder}/of-{size}", rank, size

    def __enter__(self) -> Group:
        dist.init_process_group(
            "gloo", init_method=self._file, rank=self._rank, world_size=self._size, timeout=timedelta(seconds=600)
        )
        return Group.joined()

    def __exit__(self, *error: object) -> None:
        dist.destroy_process_group()


def start(folder: Path) -> list[Mapping[str, Trained]]:
    """What each of the three processes has trained."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=train_in, args=(rank, str(folder)), daemon=True) for rank in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = [torch.load(folder / f"worker-{rank}") for rank in range(3)]
    return [{name: Trained(**each) for name, each in worker.items()} for worker in found]
