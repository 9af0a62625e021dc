"""What decoded images cost: an image, a batch, a start, a process more. Linux only, for what it says about memory."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import data_loading
from benchmarks.data_files import jpeg_folder
from benchmarks.data_loading import BATCH, SIDE
from benchmarks.data_processes import answer, proportional_bytes, start
from benchmarks.measure import ratio_row, row
from trainables.data.augment import augment
from trainables.data.prepare import DataSource, load, prepare
from trainables.data.stored import IMAGES, Table, new_array, write_table
from trainables.fit import Training
from trainables.spec import Augmentation, CovidRadiography, Schedule, SmallCNN, Split, TrialSpec

FILES, PROCESSES = 600, 4
KNOWN, KNOWN_SIDE = 200_000, 64
HELD = 20_000


def rows(*, repetitions: int = 7) -> list[dict[str, Any]]:
    """All measurements, on files made for them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jpeg_folder(folder / "files", images=FILES, side=320)
        spec = TrialSpec(data=CovidRadiography(size=SIDE), model=SmallCNN(), schedule=Schedule(batch_size=BATCH))
        started = time.perf_counter()
        (folder / "prepared").mkdir()
        prepare(spec.data, Split(), DataSource(root=folder / "files"), folder / "prepared")
        decoded_in = (time.perf_counter() - started) / FILES
        training = Training(spec, load(folder / "prepared"))
        return [
            *data_loading.rows(training, folder / "files", decoded_in=decoded_in, repetitions=repetitions),
            *_waiting(training, repetitions),
            _second_trial(folder / "known", 5),
            _four_processes(folder / "held", 2),
        ]


def _waiting(training: Training, repetitions: int) -> list[dict[str, Any]]:
    """What a step spends on getting its batch, and on changing it."""
    generator = torch.Generator().manual_seed(0)
    batches = itertools.cycle(torch.split(torch.randperm(len(training.train), generator=generator), BATCH)[:-1])
    training.spec = replace(training.spec, augmentation=Augmentation())  # another measurement has changed it
    images = training._batch(next(batches), generator)[1]

    def learn() -> None:
        training._step(next(batches), 0, generator, 1.0)
        training._update()

    step = "a step of training, without augmentation"
    sizes = f"small CNN, {SIDE} px, batch {BATCH}"
    got = ratio_row(
        "waiting for a batch",
        step,
        lambda: training._batch(next(batches), generator),
        learn,
        goal=0.05,
        repetitions=2 * repetitions,
        sizes=sizes,
    )
    changed = ratio_row(
        "changing a batch at random",
        step,
        lambda: augment(images, data_loading.CHANGES, generator),
        learn,
        goal=None,
        repetitions=2 * repetitions,
        sizes=sizes,
        note="no goal: work of the training device, as the step is, and no waiting",
    )
    return [got, changed]


def _second_trial(prepared: Path, repetitions: int) -> dict[str, Any]:
    """A new process over a data set that the first trial has prepared."""
    _as_if_prepared(prepared, KNOWN, KNOWN_SIDE)
    times = []
    for _ in range(repetitions):
        process = start(f"data_processes.first_batch({str(prepared)!r})")
        times.append(answer(process)["seconds"])
        process.communicate()
    low, middle, high = statistics.quantiles(times, n=4)
    return row(
        "first batch of a second trial",
        "one second",
        middle,
        goal=1.0,
        spread=(high - low) / 2,
        repetitions=repetitions,
        sizes=f"{KNOWN:,} images of {KNOWN_SIDE} px in the data set, batch {BATCH}",
        note="a new process; the clock starts when torch is imported and Python has started",
    )


def _four_processes(folder: Path, repetitions: int) -> dict[str, Any]:
    """Several processes that have read all images and hold them open."""
    _as_if_prepared(folder, HELD, SIDE)
    size = (folder / IMAGES).stat().st_size
    ratios = [_growth(folder) / size for _ in range(repetitions)]
    return row(
        f"memory of {PROCESSES} processes that have read all images",
        "one copy of the images",
        statistics.median(ratios),
        goal=1.1,
        spread=(max(ratios) - min(ratios)) / 2,
        repetitions=repetitions,
        sizes=f"{HELD:,} images of {SIDE} px, {size / 1e6:.0f} MB",
        note="growth of the proportional set sizes (PSS) from before opening to after reading, tables and buffers included",
    )


def _growth(folder: Path) -> int:
    processes = [start(f"data_processes.hold({str(folder)!r})") for _ in range(PROCESSES)]
    for process in processes:
        answer(process)
    before = sum(proportional_bytes(process.pid) for process in processes)
    for process in processes:
        print(file=process.stdin, flush=True)
    for process in processes:
        answer(process)
    after = sum(proportional_bytes(process.pid) for process in processes)
    for process in processes:
        process.communicate("\n")
    return after - before


def _as_if_prepared(folder: Path, images: int, side: int) -> None:
    """A data set with a table of full size over an array that is quick to write: its pages are holes in the file."""
    folder.mkdir()
    new_array(folder / IMAGES, (images, side, side), np.uint8)
    numbers = np.arange(images)
    table = Table(
        rows=numbers,
        image_ids=[f"class-{n % 4}/patient{n // 3:06d}/study1/view{n:06d}_frontal.jpg" for n in range(images)],
        targets=numbers % 4,
        splits=np.array(["train", "val", "calib", "test"])[np.minimum(numbers % 10, 3)],
        groups=[f"patient-{n // 3:012x}" for n in range(images)],
        classes=("a", "b", "c", "d"),
        patients_known=True,
        remarks=(),
        files={},
    )
    write_table(folder, table)
