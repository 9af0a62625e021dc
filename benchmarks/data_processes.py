"""What one process of its own does with a prepared data set; started by the measurements, told and asked over pipes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BATCH = 32


def start(call: str) -> subprocess.Popen[str]:
    """Start a process that calls a function of this package, given as Python text such as `data_processes.f('x')`."""
    module = call.split(".")[0]
    code = f"import torch; torch.set_num_threads(1); from benchmarks import {module}; {call}"
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    """Wait for a line of JSON from the process."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"A process of the measurement ended early, with code {process.wait()}.")
    return json.loads(line)


def tell(**values: Any) -> None:
    """Write a line of JSON to whoever started this process."""
    print(json.dumps(values), flush=True)


def first_batch(folder: str) -> None:
    """Tell the seconds from torch being there to a batch of training images being a tensor."""
    began = time.perf_counter()
    import torch

    from trainables.data.stored import load
    from trainables.predict import to_intensities

    train = load(Path(folder)).part("train")
    rows = torch.randperm(len(train))[:BATCH].numpy()
    images = to_intensities(torch.from_numpy(train.pixels[rows]))
    tell(seconds=time.perf_counter() - began, images=len(images))


def hold(folder: str) -> None:
    """Open a data set and read all of it, batch by batch, as a pass of a network does; keep it open until told to end."""
    import torch

    from trainables.data.stored import load
    from trainables.predict import to_intensities

    to_intensities(torch.zeros(BATCH, 224, 224, dtype=torch.uint8))  # buffers of the library are no copies of images
    tell(ready=True)
    sys.stdin.readline()
    images = load(Path(folder))
    tell(images=read_all(images.pixels))
    sys.stdin.readline()


def read_all(pixels: Any) -> int:
    """Read every image once, in batches, in the order of an epoch, as float; return how many."""
    import torch

    from trainables.predict import to_intensities

    read = 0
    for batch in torch.split(torch.randperm(len(pixels)), BATCH):
        read += len(to_intensities(torch.from_numpy(pixels[batch.numpy()])))
    return read


def proportional_bytes(process: int) -> int:
    """Memory of a process, what it shares counted by its share."""
    return _kilobytes(Path(f"/proc/{process}/smaps_rollup"), "Pss:") * 1024


def anonymous_bytes() -> int:
    """Memory of this process that belongs to no file."""
    return _kilobytes(Path("/proc/self/status"), "RssAnon:") * 1024


@contextmanager
def watched(every_seconds: float = 0.02) -> Iterator[dict[str, int]]:
    """Sample the anonymous memory of this process: `before`, and `peak` when the block has ended."""
    found = {"before": anonymous_bytes()}
    seen = [found["before"]]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(every_seconds):
            seen.append(anonymous_bytes())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        found["peak"] = max(*seen, anonymous_bytes())


def _kilobytes(path: Path, name: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
