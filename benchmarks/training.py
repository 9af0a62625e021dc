"""What our training adds to a bare PyTorch loop on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.measure import DEVICE, ratio_row
from trainables.data.images import ImageSet, Rows
from trainables.fit import Training
from trainables.models import build_model
from trainables.spec import FrozenHead, ModelSpec, Schedule, SmallCNN, Synthetic, Timm, TrialSpec

IMAGES, BATCH = 256, 32


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """An epoch over the train split against the same steps on prepared tensors."""
    models: list[tuple[str, ModelSpec, int]] = [
        ("small CNN", SmallCNN(), 64),
        ("resnet18", Timm(name="resnet18"), 64),
    ]
    return [*(_epoch(name, model, side, repetitions) for name, model, side in models), _frozen(repetitions)]


def _epoch(name: str, model: ModelSpec, side: int, repetitions: int) -> dict[str, Any]:
    spec = TrialSpec(data=Synthetic(size=side), model=model, schedule=Schedule(batch_size=BATCH))
    training = Training(spec, _images(side))
    return ratio_row(
        f"epoch of training, {name}",
        "the bare steps on float tensors, in the default memory format",
        training._learn,
        _bare_steps(model, side),
        goal=1.05,
        repetitions=repetitions,
        sizes=f"{IMAGES} images, {side} px, batch {BATCH}, float32",
        note="below 1 where channels_last convolves faster than the default",
    )


def _frozen(repetitions: int) -> dict[str, Any]:
    side, model = 64, FrozenHead(backbone="resnet18", pool=2)
    spec = TrialSpec(data=Synthetic(size=side), model=model, schedule=Schedule(batch_size=BATCH))
    cached, plain = (Training(spec, _images(side), cache_features=cache) for cache in (True, False))
    return ratio_row(
        "epoch and evaluation of a frozen head from cached features",
        "the same through the frozen backbone",
        cached.run_epoch,
        plain.run_epoch,
        goal=0.05,
        repetitions=repetitions,
        sizes=f"resnet18, {IMAGES} images, {side} px, batch {BATCH}, float32",
        note="the second epoch on; the first computes the features, one pass an image",
    )


def _bare_steps(model: ModelSpec, side: int) -> Any:
    network = build_model(model, classes=4, seed=0).to(DEVICE).to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    images, targets = torch.rand(IMAGES, 1, side, side).to(DEVICE), torch.randint(0, 4, (IMAGES,)).to(DEVICE)

    def work() -> None:
        network.train()
        for batch, truth in zip(torch.split(images, BATCH), torch.split(targets, BATCH), strict=True):
            loss = functional.cross_entropy(network(batch), truth)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()

    return work


def _images(side: int) -> ImageSet:
    generator = np.random.default_rng(0)
    count = IMAGES + 32
    return ImageSet(
        pixels=Rows(generator.integers(0, 256, (count, side, side), dtype=np.uint8)),
        targets=np.arange(count, dtype=np.int64) % 4,
        splits=np.array(["train"] * IMAGES + ["val"] * 16 + ["calib"] * 16),
        image_ids=tuple(map(str, range(count))),
        groups=tuple(map(str, range(count))),
        classes=("a", "b", "c", "d"),
        patients_known=True,
    )
