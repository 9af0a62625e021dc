"""A tiny sweep on radiographs that the tests draw: three classes that a small network learns in two epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from orchestrator.executors.inline import InlineExecutor
from orchestrator.sweep.launch import Launch, run_sweep
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from trainables.data.prepare import DataSource
from trainables.spec import (
    CovidRadiography,
    Ensemble,
    Evaluation,
    Laplace,
    Optimizer,
    PosthocSpec,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)

CLASSES = ("COVID", "Normal", "Viral Pneumonia")
TASKS: tuple[PosthocSpec, ...] = (
    Evaluation(),
    Temperature(),
    Laplace(),
    Laplace(hessian_structure="diag", predictive="mc", samples=5),
    Ensemble(members="seeds", size=3),
    Ensemble(members="top", size=2),
)


def radiograph(label: int, seed: int, size: int = 40) -> NDArray[np.uint8]:
    """Noise with a bright spot whose place tells the class, most of the time."""
    draw = np.random.default_rng((label, seed))
    grey = draw.normal(110, 25, (size, size))
    left = 4 + 12 * label + int(draw.integers(-6, 7))
    grey[12:28, max(0, left) : left + 10] += draw.uniform(10, 60)
    return np.clip(grey, 0, 255).astype(np.uint8)


def write_classes(root: Path, classes: dict[str, int], *, images: int, first_seed: int) -> Path:
    """Write the COVID layout: the number of the drawn class by name of the folder."""
    for folder, label in classes.items():
        (root / folder / "images").mkdir(parents=True)
        for n in range(images):
            Image.fromarray(radiograph(label, first_seed + n)).save(root / folder / "images" / f"{folder}-{n:02d}.png")
    return root


def known_classes(*names: str) -> dict[str, int]:
    return {name: CLASSES.index(name) for name in names or CLASSES}


def run_tiny_sweep(storage: Path, data: Path) -> None:
    """Two trials, one more seed, every task that an evaluation reads; ends in ledger `tiny`."""

    def space(trial):  # type: ignore[no-untyped-def]
        return TrialSpec(
            data=CovidRadiography(size=32),
            model=SmallCNN(widths=(8, 16)),
            split=Split(val=0.2, calib=0.2, test=0.2),
            optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 3e-3, 1e-2)),
            schedule=Schedule(epochs=2, batch_size=8),
        )

    objectives = (Objective(metric="temperature/val/nll", mode="min"),)
    sweep = Sweep(name="tiny", space=space, objectives=objectives, trials=2, member_seeds=1, posthoc=TASKS)
    run(sweep, storage, DataSource(root=data))


def run_embedded_sweep(storage: Path) -> None:
    """One trial on embedded radiographs without any task; ends in ledger `embedded`."""

    def space(trial):  # type: ignore[no-untyped-def]
        return TrialSpec(
            data=Synthetic(images=64, size=32),
            model=SmallCNN(widths=(8,)),
            schedule=Schedule(epochs=1),
            optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-2)),
        )

    run(Sweep(name="embedded", space=space, trials=1, member_seeds=0, posthoc=()), storage, DataSource())


def run(sweep: Sweep, storage: Path, source: DataSource) -> None:
    launch = Launch(sweep=sweep, overrides=Overrides(), name=sweep.name, storage=storage, source=source)
    assert run_sweep(launch, InlineExecutor()).finished
