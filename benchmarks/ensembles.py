"""Pooling stored members one file at a time beside stacking them, and selecting an ensemble beside a literal loop."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import ratio_row
from trainables.metrics import evaluate
from trainables.posthoc.pooling import RunningPool
from trainables.posthoc.selection import Library, select_greedy
from trainables.predictions import Predictions, join_members

MEMBERS, IMAGES, CLASSES = 30, 6000, 14
CANDIDATES, VAL_IMAGES, PICKS = 20, 500, 10


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """Pooling: seconds, with the peak of memory in the note; selection: seconds."""
    with tempfile.TemporaryDirectory() as name:
        paths = _written(Path(name), MEMBERS)
        kept = {way: _growth(way, paths) for way in ("streamed", "stacked")}
        pooling = ratio_row(
            f"ensemble of {MEMBERS} stored members: pooled one by one, with entropy, information and votes",
            "reading, stacking and averaging softmax probabilities",
            lambda: streamed(paths),
            lambda: stacked(paths),
            goal=2.0,
            repetitions=repetitions,
            sizes=f"{MEMBERS} x {IMAGES} images x {CLASSES} classes",
            note=f"memory above the start in MB, from {MEMBERS // 3} to {MEMBERS} members: {kept['streamed']} one by one, "
            f"{kept['stacked']} stacked; the peer computes no entropies",
        )
    return [pooling, _selection(repetitions)]


def streamed(paths: Sequence[Path]) -> None:
    """As an ensemble does it."""
    running = RunningPool()
    for path in paths:
        running.add(Predictions.load(path))
    running.pooled()
    running.uncertainty()


def stacked(paths: Sequence[Path]) -> None:
    """The same mean from all members at once."""
    torch.stack([Predictions.load(path).logits[0].double().softmax(-1) for path in paths]).mean(0).log()


def _selection(repetitions: int) -> dict[str, Any]:
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, CLASSES, (VAL_IMAGES,), generator=random)
    ids = tuple(map(str, range(VAL_IMAGES)))
    logits = torch.randn(CANDIDATES, 1, VAL_IMAGES, CLASSES, generator=random)
    logits[:, :, torch.arange(VAL_IMAGES), targets] += 2
    library = [Predictions(logits=each, targets=targets, image_ids=ids, split="val") for each in logits]
    names = [str(n) for n in range(CLASSES)]

    def literal() -> None:
        picks: list[int] = []
        for _ in range(PICKS):
            values = [
                evaluate(join_members([library[n] for n in (*picks, place)]), names)["nll"] or 0.0
                for place in range(CANDIDATES)
            ]
            picks.append(values.index(min(values)))

    return ratio_row(
        "greedy selection by NLL",
        "a literal loop that pools and evaluates every candidate anew",
        lambda: select_greedy(Library(library, "nll"), PICKS),
        literal,
        goal=0.1,
        repetitions=repetitions,
        sizes=f"{CANDIDATES} candidates, {PICKS} picks, {VAL_IMAGES} images",
    )


def _written(folder: Path, members: int) -> list[Path]:
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, CLASSES, (IMAGES,), generator=random)
    ids = tuple(f"image-{n}" for n in range(IMAGES))
    paths = [folder / f"{n}.safetensors" for n in range(members)]
    for path in paths:
        logits = torch.randn(1, IMAGES, CLASSES, generator=random)
        Predictions(logits=logits, targets=targets, image_ids=ids, split="test").save(path)
    return paths


def _growth(way: str, paths: Sequence[Path]) -> str:
    """Peak memory of a process of its own above its memory after one member, for a third and for all of the members."""
    code = (
        "import resource, sys, torch; from pathlib import Path; from benchmarks import ensembles; torch.set_num_threads(1);"
        "work = getattr(ensembles, sys.argv[1]); paths = list(map(Path, sys.argv[2:])); work(paths[:1]);"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024; start = peak(); work(paths);"
        "print(round(peak() - start, 1))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code, way, *map(str, some)], capture_output=True, text=True, check=True
        ).stdout.strip()
        for some in (paths[: len(paths) // 3], paths)
    ]
    return " to ".join(found)
