"""What a large data set costs: seconds to prepare it, and memory while it is decoded and read. Linux only."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_files import png_folder
from benchmarks.data_processes import answer, read_all, start, tell, watched
from benchmarks.measure import row

IMAGES, SIDE = 50_000, 64


def rows(*, images: int = IMAGES) -> list[dict[str, Any]]:
    """Draw, prepare and read a data set, each in a process of its own; their memory must not follow its size."""
    with tempfile.TemporaryDirectory() as name:
        files, prepared = Path(name) / "files", Path(name) / "prepared"
        prepared.mkdir()
        png_folder(files, images=images, side=SIDE)
        made = _in_process(f"data_large.prepare({str(files)!r}, {str(prepared)!r})")
        read = _in_process(f"data_large.read({str(prepared)!r})")
        sizes = f"{images:,} PNG files of {SIDE} px, {(prepared / 'images.npy').stat().st_size / 1e6:.0f} MB decoded"
    seconds = made["seconds"]
    told = ", ".join(f"{phase} {spent:.1f}" for phase, spent in seconds.items())
    return [
        _memory("decoding", made["decoding"], sizes, f"seconds: {told}", goal=1.05),
        _memory("reading every image", read, sizes, f"{read['seconds']:.1f} seconds", goal=1.05),
        _memory("splitting", made["tabulating"], sizes, "no goal: a table of names, which grows with their number"),
        row(
            "looking for near-duplicates",
            "a minute",
            seconds["near-duplicates alone"] / 60,
            goal=1.0,
            spread=0.0,
            repetitions=1,
            sizes=sizes,
            note="grows with the square of the number of images; a part of decoding",
        ),
    ]


def prepare(files: str, folder: str) -> None:
    """Decode and split a folder; tell the seconds of each part, and the memory before and at its peak."""
    from trainables.data.duplicates import near_duplicates
    from trainables.data.prepare import DataSource, decode, fingerprints, list_images, tabulate
    from trainables.data.stored import THUMBNAILS
    from trainables.spec import CovidRadiography, Split

    near_duplicates(np.random.default_rng(0).integers(0, 256, (64, 32, 32), np.uint8))  # buffers of the library
    clock = [time.perf_counter()]
    spec = CovidRadiography(size=SIDE)
    listing = list_images(spec, DataSource(root=Path(files)))
    clock.append(time.perf_counter())
    with watched() as decoding:
        decode(listing, SIDE, Path(folder))
    clock.append(time.perf_counter())
    with watched() as tabulating:
        tabulate(listing, spec, Split(), arrays=Path(folder), folder=Path(folder))
    clock.append(time.perf_counter())
    fingerprints(listing)
    clock.append(time.perf_counter())
    near_duplicates(np.load(Path(folder) / THUMBNAILS, mmap_mode="r"))
    clock.append(time.perf_counter())
    parts = ("listing", "decoding", "splitting", "hashing files", "near-duplicates alone")
    seconds = dict(zip(parts, np.diff(clock).tolist(), strict=True))
    tell(seconds=seconds, decoding=decoding, tabulating=tabulating)


def read(folder: str) -> None:
    """Read every image once in batches; tell the memory before the first batch and at its peak."""
    from trainables.data.stored import load

    images = load(Path(folder))
    read_all(images.pixels.take(np.arange(64)))  # buffers of the library
    began = time.perf_counter()
    with watched() as memory:
        read_all(images.pixels)
    tell(**memory, seconds=time.perf_counter() - began)


def _in_process(call: str) -> dict[str, Any]:
    process = start(call)
    told: dict[str, Any] = answer(process)
    process.communicate()
    return told


def _memory(phase: str, memory: dict[str, int], sizes: str, note: str, *, goal: float | None = None) -> dict[str, Any]:
    return row(
        f"anonymous memory while {phase}",
        "the same before it began",
        memory["peak"] / memory["before"],
        goal=goal,
        spread=0.0,
        repetitions=1,
        sizes=sizes,
        note=f"{note}; {memory['before'] / 1e6:.0f} MB before, {memory['peak'] / 1e6:.0f} MB at the peak (RssAnon)",
    )
