"""Sentences for the report about what a calibrator was fitted on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainables.posthoc.calibrators.interface import has_both
from trainables.spec import Calibration

LEAST_PER_PARAMETER = 10
LEAST_OF_RARER = {"temperature_per_label": 10, "platt": 20, "dirichlet": 20, "isotonic": 50, "histogram": 50, "bbq": 50}
"""Entries of a label's rarer outcome below which the report says that there were few; rules of thumb."""


def column_remarks(task: Calibration, targets: Tensor, names: Sequence[str], split: str) -> tuple[str, ...]:
    """About columns that were left as they are, and columns with few entries of one outcome.

    Args:
        task: method and settings.
        targets: [images, columns], NaN where nobody knows.
        names: of the columns.
        split: that it was fitted on.
    """
    unchanged, few, least = [], [], LEAST_OF_RARER[task.method]
    for name, column in zip(names, targets.unbind(1), strict=True):
        truth = column[~column.isnan()]
        present = int((truth > 0.5).sum())
        if not has_both(truth):
            unchanged.append(name)
        elif min(present, len(truth) - present) < least:
            few.append(f"{name} ({min(present, len(truth) - present)})")
    remarks = []
    if unchanged:
        remarks.append(
            f"The task {task.name} left {', '.join(unchanged)} as the network says: {split} lacks images with it or "
            "without it."
        )
    if few:
        remarks.append(
            f"The task {task.name} was fitted on fewer than {least} {split} images of the rarer outcome: {', '.join(few)}."
        )
    return tuple(remarks)


def linear_remarks(task: Calibration, counts: Sequence[int], names: Sequence[str], split: str) -> tuple[str, ...]:
    """About more parameters than the images can tell, and classes without images.

    Args:
        task: method and settings.
        counts: images of each class.
        names: of the classes.
        split: that it was fitted on.
    """
    classes, images, remarks = len(counts), sum(counts), []
    of_matrix = f"{classes} x {classes} + {classes}"
    parameters, how = (2 * classes, f"2 x {classes}") if task.method == "vector" else (classes**2 + classes, of_matrix)
    if images < LEAST_PER_PARAMETER * parameters:
        remarks.append(
            f"The task {task.name} has {how} = {parameters} parameters and was fitted on {images} {split} images, fewer than "
            f"{LEAST_PER_PARAMETER} a parameter."
        )
    if absent := [name for name, count in zip(names, counts, strict=True) if not count]:
        remarks.append(
            f"The task {task.name} was fitted on a {split} split without {', '.join(absent)}: their probabilities say little."
        )
    return tuple(remarks)
