"""What our training, the losses on maps and explanations cost on a GPU; without one, small on the CPU.

It needs torch, torchvision and timm, and nothing of the orchestrator, so that a bare machine with a GPU can run it.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.data_processes import answer, start, tell
from benchmarks.explain import CLASSES, aopc_against_its_passes, grad_cam_of_all_classes, small_cnn, timm_classifier
from benchmarks.losses import CHEAP, against_cross_entropy
from benchmarks.measure import DEVICE, Size, Work, ratio_row, row, seconds
from trainables.data.images import ImageSet
from trainables.fit import Training
from trainables.models import build_model
from trainables.spec import ModelSpec, Schedule, SmallCNN, Synthetic, Timm, TrialSpec

ON_GPU = DEVICE == "cuda"
SIZE = Size(64, 224, "bfloat16") if ON_GPU else Size(8, 96)
NETWORKS = ("resnet18", "densenet121") if ON_GPU else ("resnet18",)
STEPS = 32 if ON_GPU else 3
REPETITIONS = 9 if ON_GPU else 5
PACKED = 2
ON_CPU = "no GPU here: small, on the CPU, where the ratio may be another; packed networks are not measured"
PACKING = (
    f"no goal: it depends on how far one network fills the GPU; {PACKED} would be no gain over one after the other, 1 a "
    "free neighbour; no MPS is started"
)


def rows(
    *, size: Size = SIZE, steps: int = STEPS, repetitions: int = REPETITIONS, networks: tuple[str, ...] = NETWORKS
) -> list[dict[str, Any]]:
    """Every measurement of this file, network by network; under a minute on a CPU."""
    measured = []
    for name in networks:
        with TemporaryDirectory() as folder:
            pixels = write_pixels(Path(folder) / "pixels.npy", size, steps)
            measured.append(training_epoch(name, pixels, size, repetitions=repetitions))
            if ON_GPU:
                measured.append(packed(name, pixels, size, repetitions=repetitions))
        classifier = small_cnn() if name == "small CNN" else timm_classifier(name)
        measured.append(
            grad_cam_of_all_classes(classifier, name, side=size.side, repetitions=repetitions, batch=size.batch)
        )
        measured.append(
            aopc_against_its_passes(classifier, name, side=size.side, repetitions=repetitions, count=size.batch // 2)
        )
        classifier = classifier.to(memory_format=torch.channels_last)
        measured += against_cross_entropy(classifier, name, CHEAP[:3], repetitions=repetitions, size=size)
    if not ON_GPU:
        print(f"gpu: {ON_CPU}.", file=sys.stderr)
        for each in measured:
            each["note"] = "; ".join(filter(None, (each["note"], ON_CPU)))
    return measured


def training_epoch(name: str, pixels: Path, size: Size, *, repetitions: int) -> dict[str, Any]:
    """The steps of an epoch through `Training`, from a memory-mapped file, against the same ones without any input."""
    training = training_of(name, pixels, size)
    steps = len(training.train) // size.batch
    return ratio_row(
        "training from memory-mapped images",
        "the bare steps on float tensors that lie on the device",
        training._learn,
        bare_steps(name, size, steps),
        goal=1.053,
        repetitions=repetitions,
        sizes=f"{name}, {steps} steps, {size}",
        note="no augmentation; the file is in the page cache; the bare loop reads no loss",
    )


def packed(name: str, pixels: Path, size: Size, *, repetitions: int) -> dict[str, Any]:
    """Seconds of an epoch of several processes at once on one device, against one process alone there."""
    call = f"gpu.epochs_when_told({name!r}, {str(pixels)!r}, {size.batch}, {size.side}, {size.precision!r})"
    processes = [start(call) for _ in range(PACKED)]
    try:
        for process in processes:
            answer(process)
        ratios = []
        for _ in range(max(2, repetitions)):
            alone = seconds(lambda: one_epoch_each(processes[:1]))
            ratios.append(seconds(lambda: one_epoch_each(processes)) / alone)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    low, middle, high = statistics.quantiles(ratios, n=4)
    return row(
        f"an epoch of {PACKED} processes at once",
        "an epoch of one process",
        middle,
        goal=None,
        spread=(high - low) / 2,
        repetitions=len(ratios),
        sizes=f"{name}, {size}",
        note=PACKING,
    )


def one_epoch_each(processes: list[Popen[str]]) -> None:
    """Have processes learn at the same time, and wait for all of them."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        answer(process)


def epochs_when_told(name: str, pixels: str, batch: int, side: int, precision: Any) -> None:
    """Warm up, then learn an epoch for every line on stdin; the body of a packed process."""
    training = training_of(name, Path(pixels), Size(batch, side, precision))
    while True:
        began = time.perf_counter()
        training._learn()
        if ON_GPU:
            torch.cuda.synchronize()
        tell(seconds=time.perf_counter() - began)
        if not sys.stdin.readline():
            return


def training_of(name: str, pixels: Path, size: Size) -> Training:
    """Our training of a network, over images that are read from the file as they are needed."""
    schedule = Schedule(batch_size=size.batch, precision=size.precision)
    return Training(TrialSpec(data=Synthetic(size=size.side), model=model_of(name), schedule=schedule), mapped(pixels))


def bare_steps(name: str, size: Size, steps: int) -> Work:
    """What PyTorch alone does with the same network, optimiser, precision and memory format."""
    network = build_model(model_of(name), classes=CLASSES, seed=0, size=size.side).to(DEVICE)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    images = torch.rand(size.batch, 1, size.side, size.side, device=DEVICE)
    images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(size.batch, device=DEVICE) % CLASSES

    def work() -> None:
        network.train()
        for _ in range(steps):
            with size.autocast():
                loss = functional.cross_entropy(network(images), targets)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return work


def model_of(name: str) -> ModelSpec:
    """The description of a network that is measured, with random weights."""
    return SmallCNN() if name == "small CNN" else Timm(name=name)


def write_pixels(path: Path, size: Size, steps: int) -> Path:
    """A file of grey noise: the images of some steps, and two for val."""
    shape = (steps * size.batch + 2, size.side, size.side)
    np.save(path, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    return path


def mapped(path: Path) -> ImageSet:
    """A data set over a memory-mapped file; its last two images are val."""
    pixels = np.load(path, mmap_mode="r")
    count = len(pixels)
    return ImageSet(
        pixels=pixels,
        targets=np.arange(count, dtype=np.int64) % CLASSES,
        splits=np.array(["train"] * (count - 2) + ["val"] * 2),
        image_ids=tuple(map(str, range(count))),
        groups=tuple(map(str, range(count))),
        classes=tuple("abcd"),
        patients_known=True,
    )
