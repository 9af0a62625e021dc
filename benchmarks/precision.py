"""What mixed precision changes in a trained network: AUROC on val in bfloat16 and float16 against float32, over seeds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from benchmarks.measure import DEVICE, row
from trainables.data.images import ImageSet
from trainables.data.prepare import DataSource, load, prepare
from trainables.fit import Training
from trainables.metrics import evaluate
from trainables.predict import one_pass
from trainables.spec import Optimizer, Schedule, SmallCNN, Split, Synthetic, TrialSpec

SEEDS = (0, 1, 2)
TOLERANCE = 0.01
DATA = Synthetic(images=1600, size=32, images_per_patient=2)
SPEC = TrialSpec(
    data=DATA,
    split=Split(val=0.35, calib=0.0, test=0.05),
    model=SmallCNN(widths=(8, 16, 24)),
    optimizer=Optimizer(learning_rate=1e-2),
    schedule=Schedule(epochs=16, batch_size=16),
)
Precision = Literal["bfloat16", "float16"]


@dataclass(frozen=True)
class Trained:
    """Networks of one precision, one a seed: AUROC on val at the schedule's end, and seconds of all trainings."""

    aurocs: tuple[float, ...]
    seconds: float

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.aurocs)


def rows(*, spec: TrialSpec = SPEC, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """The difference of the mean AUROCs as a share of the tolerance, one row a precision.

    A seed gives the three networks the same first weights, order of images and augmentation, so the spread is that of the
    differences seed by seed: the standard error of their mean.
    """
    with TemporaryDirectory() as folder:
        prepare(spec.data, spec.split, DataSource(), Path(folder))
        data = load(Path(folder))
        full = trained(spec, data, "float32", seeds)
        return [_row(spec, trained(spec, data, each, seeds), full, each) for each in ("bfloat16", "float16")]


def trained(
    spec: TrialSpec, data: ImageSet, precision: Precision | Literal["float32"], seeds: Sequence[int]
) -> Trained:
    """Train with every seed to the schedule's end."""
    began = time.perf_counter()
    aurocs = tuple(_auroc(spec.with_seed(seed), data, precision) for seed in seeds)
    return Trained(aurocs, time.perf_counter() - began)


def _auroc(spec: TrialSpec, data: ImageSet, precision: Precision | Literal["float32"]) -> float:
    training = Training(spec, data)
    _set_precision(training, precision)
    while not training.finished:
        training.run_epoch()
    value = evaluate(one_pass(training.evaluated, training.val, split="val")[0], data.classes)["auroc"]
    assert value is not None
    return value


def _set_precision(training: Training, precision: Precision | Literal["float32"]) -> None:
    """Also float16 on a CPU, which a sweep refuses for its slowness."""
    training.spec = replace(training.spec, schedule=replace(training.spec.schedule, precision=precision))
    training.scaler = torch.amp.GradScaler(training.device.type, enabled=precision == "float16")


def _row(spec: TrialSpec, half: Trained, full: Trained, precision: Precision) -> dict[str, Any]:
    differences = [ours - theirs for ours, theirs in zip(half.aurocs, full.aurocs, strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5
    refused = "; a sweep refuses float16 here, since it is slower" if (precision, DEVICE) == ("float16", "cpu") else ""
    return row(
        f"AUROC on val after training in {precision}, its distance from float32",
        f"a distance of {TOLERANCE}",
        abs(half.mean - full.mean) / TOLERANCE,
        goal=1.0,
        spread=error / TOLERANCE,
        repetitions=len(differences),
        sizes=f"{_sizes(spec)}, {len(differences)} seeds",
        note=(
            f"means {half.mean:.4f} and {full.mean:.4f} in float32; seed by seed "
            f"{', '.join(f'{each:+.4f}' for each in differences)}; {half.seconds:.0f} s and {full.seconds:.0f} s{refused}"
        ),
    )


def _sizes(spec: TrialSpec) -> str:
    schedule, data = spec.schedule, spec.data
    assert isinstance(data, Synthetic)
    return (
        f"small CNN, {data.images} embedded radiographs, {data.size} px, {schedule.epochs} epochs, batch "
        f"{schedule.batch_size}"
    )
