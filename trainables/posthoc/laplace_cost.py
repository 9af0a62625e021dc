"""Memory and seconds of a Laplace posterior, predicted before anything is allocated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from trainables.posthoc.curvature import Structure, eigen
from trainables.posthoc.memory import NotEnoughMemoryError, available_bytes
from trainables.spec import Laplace

# peak of fit and decomposition, measured: 6.1 to 6.4 matrices of doubles of the full structure at P = 3,204;
# of 14 labels and 1,024 features 36.6 of the size of a block, which is 2 x 14 and 8.6
MATRICES = 7
# those of the folds: H of train, of a fold, and their sum
FOLD_MATRICES = 3
PROBE = 256


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a structure takes.

    Attributes:
        bytes: at its peak.
        side: of the largest matrix that is decomposed.
        decompositions: how many of that side.
    """

    bytes: int
    side: int
    decompositions: int = 1

    def seconds(self) -> float:
        """Seconds of the decompositions, which grow with the cube of the side, from a small one measured on this machine."""
        return self.decompositions * _seconds_of_probe() * (self.side / PROBE) ** 3


def predicted(task: Laplace, structure: Structure, head: nn.Linear, *, of_labels: bool) -> Cost:
    """The cost of a task's fit under a structure, for a head of so many features and classes or labels.

    `full` of classes takes matrices of P x P doubles with P = classes (features + 1); of labels one of (features + 1) squared
    for each label, and once more for the eigenvectors; `kron` one of features squared. The features and predictions of the
    images, which every task reads, come on top.
    """
    size, columns = head.in_features, head.out_features
    folds = task.folds if task.prior_precision == "cv" else 0
    decompositions = 2 + folds if folds else 1
    held = MATRICES + (FOLD_MATRICES + 2 * folds if folds else 0)
    if structure == "diag":
        return Cost(bytes=8 * held * columns * (size + 1), side=1)
    if structure == "kron":
        return Cost(bytes=8 * held * max(size, columns) ** 2, side=max(size, columns), decompositions=decompositions)
    if of_labels:
        of_all = 2 * columns + (FOLD_MATRICES + 2 * folds) * columns * (1 if folds else 0)
        return Cost(
            bytes=8 * (of_all + MATRICES + 2) * (size + 1) ** 2, side=size + 1, decompositions=columns * decompositions
        )
    parameters = columns * (size + 1)
    return Cost(bytes=8 * held * parameters**2, side=parameters, decompositions=decompositions)


def affordable(task: Laplace, head: nn.Linear, *, of_labels: bool) -> tuple[Structure, tuple[str, ...]]:
    """The structure that is computed: that of the task, or `kron` where the full one would not fit.

    Returns:
        The structure, and the remark that the report carries if it is not the task's.

    Raises:
        NotEnoughMemoryError: the Kronecker one does not fit either.
    """
    structure = task.hessian_structure
    cost = predicted(task, structure, head, of_labels=of_labels)
    limit, which = _limit(task)
    if structure == "diag" or cost.bytes <= limit:
        return structure, ()
    kron = predicted(task, "kron", head, of_labels=of_labels)
    if kron.bytes > limit:
        raise NotEnoughMemoryError(
            f"{task.name}: the {structure} structure of a head of {head.in_features} features and {head.out_features} "
            f"{'labels' if of_labels else 'classes'} needs about {cost.bytes:,} bytes, kron {kron.bytes:,}, and {which}. Use "
            "hessian_structure 'diag', or raise memory_bytes on a machine that has the memory."
        )
    return "kron", (
        f"{task.name}: the full structure of a head of {head.in_features} features and {head.out_features} "
        f"{'labels' if of_labels else 'classes'} needs about {cost.bytes:,} bytes and {duration(cost.seconds())} of "
        f"decompositions, and {which}: this is the Kronecker structure in its place. A larger memory_bytes allows the full one.",
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds:,.0f} seconds" if seconds < 600 else f"{seconds / 3600:,.1f} hours"


def _limit(task: Laplace) -> tuple[int, str]:
    available = available_bytes()
    if task.memory_bytes <= available:
        return task.memory_bytes, f"memory_bytes allows {task.memory_bytes:,}"
    return available, f"{available:,} are free"


@cache
def _seconds_of_probe() -> float:
    matrix = torch.randn(PROBE, PROBE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = matrix @ matrix.T
    eigen(matrix)  # warms up
    started = time.perf_counter()
    eigen(matrix)
    return time.perf_counter() - started
