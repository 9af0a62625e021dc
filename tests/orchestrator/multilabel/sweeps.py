"""Tiny sweeps on images of several labels: embedded ones, and a table of files with visits of two images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
from PIL import Image

from orchestrator.executors.inline import InlineExecutor
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from trainables.data.prepare import DataSource
from trainables.spec import (
    Aopc,
    AopcStability,
    AttentiveMaps,
    ClassDistinct,
    CrossEntropy,
    DataSpec,
    Ensemble,
    EnsembleMaps,
    Evaluation,
    Focal,
    ImageTable,
    Laplace,
    LossSpec,
    MemberMaps,
    Optimizer,
    PixelBaseline,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
    WeightedCrossEntropy,
)

LABELS = ("left", "upper", "never seen")
EMBEDDED = Synthetic(images=96, size=32, images_per_patient=2, multilabel=True)
TABLE = ImageTable(size=32, labels=LABELS, blank="ignore")
LOSSES: dict[str, LossSpec] = {
    "cross_entropy": CrossEntropy(),
    "weighted": WeightedCrossEntropy(),
    "focal": Focal(),
    "class_distinct": ClassDistinct(lambda_cd=0.5),
}
SWEEP = Sweep(
    name="labels",
    space=lambda trial: spec_of(trial, EMBEDDED),
    objectives=(Objective(metric="val/auroc", mode="max"),),
    trials=3,
    member_seeds=1,
    posthoc=(
        Evaluation(),
        Temperature(),
        Laplace(),
        Laplace(predictive="bridge"),
        Aopc(images=12, cells=4),
        AopcStability(images=2, cells=(2,), noises=(0.1,), perturbations=("mean",)),
        MemberMaps(over="laplace", samples=3, images=6, cells=2, angles=(45,)),
        EnsembleMaps(members="seeds", size=2, images=6, cells=2, angles=(45,)),
        AttentiveMaps(images=3, units=4, shown=(2,)),
        PixelBaseline(size=8),
        Ensemble(members="seeds", size=2),
        Ensemble(members="top", size=2),
    ),
)


def spec_of(trial: optuna.trial.BaseTrial, data: DataSpec) -> TrialSpec:
    """Loss and learning rate of a network of two blocks."""
    return TrialSpec(
        data=data,
        split=Split(val=0.2, calib=0.2, test=0.2),
        model=SmallCNN(widths=(4, 8)),
        loss=LOSSES[trial.suggest_categorical("loss", list(LOSSES))],
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 3e-3, 3e-2, log=True)),
        schedule=Schedule(epochs=2, batch_size=16, best_metric="val/auroc", best_mode="max"),
    )


def run_embedded(storage: Path) -> Ended:
    """Three trials, one more seed, every task; ends in ledger `labels`."""
    return run(SWEEP, storage, DataSource())


def run_table(storage: Path, data: Path) -> Ended:
    """Two trials on files; ends in ledger `table`."""
    sweep = replace(
        SWEEP,
        name="table",
        space=lambda trial: spec_of(trial, TABLE),
        trials=2,
        posthoc=(*SWEEP.posthoc[:2], *SWEEP.posthoc[5:]),
    )
    return run(sweep, storage, DataSource(root=data))


def write_table(root: Path, *, patients: int, seed: int) -> Path:
    """Visits of two images each, two visits a patient; a bright left and a bright upper half are independent labels.

    Every ninth entry is empty, which the table leaves out of loss and metrics, and one label is never there.
    """
    root.mkdir(parents=True)
    draw, lines = np.random.default_rng(seed), ["path,patient,study," + ",".join(LABELS)]
    for visit in range(2 * patients):
        left, upper = draw.integers(0, 2, 2)
        for view in range(2):
            grey = draw.normal(80, 20, (32, 32))
            grey[:, :16] += 60 * left
            grey[:16] += 60 * upper
            name = f"{visit:03d}-{view}.png"
            Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(root / name)
            told = ["" if (2 * visit + view) % 9 == n else str(value) for n, value in enumerate((left, upper, 0))]
            lines.append(f"{name},p{visit // 2},s{visit}," + ",".join(told))
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    return root


def run(sweep: Sweep, storage: Path, source: DataSource) -> Ended:
    launch = Launch(sweep=sweep, overrides=Overrides(), name=sweep.name, storage=storage, source=source)
    return run_sweep(launch, InlineExecutor())
