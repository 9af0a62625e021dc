"""How often a classifier is right, class by class as a classification report has it, and beyond chance."""

from __future__ import annotations

from torch import Tensor

from trainables.metrics.classification import Outcomes
from trainables.metrics.columns import Column


def f1_scores(counts: Outcomes) -> list[float | None]:
    """F1 = 2 hits / (actual + predicted) of every class or label; None of one neither present nor predicted."""
    sizes = counts.actual + counts.predicted
    return [float(2 * hits / size) if size > 0 else None for hits, size in zip(counts.hits, sizes, strict=True)]


def weighted_f1(counts: Outcomes) -> float | None:
    """Mean of the F1 scores, weighted by how many images each class or label has; None where there is none."""
    total = float(counts.actual.sum())
    if not total:
        return None
    scores = [score or 0.0 for score in f1_scores(counts)]
    return sum(score * float(size) for score, size in zip(scores, counts.actual, strict=True)) / total


def kappa(counts: Outcomes) -> float | None:
    """Cohen's kappa (1960), (p_o - p_e) / (1 - p_e): agreement of exclusive classes beyond what chance gives.

    None where chance alone agrees always, because there and in the predictions is one and the same class.
    """
    images = counts.actual.sum()
    observed = float(counts.hits.sum() / images)
    expected = float((counts.actual * counts.predicted).sum() / images.square())
    return (observed - expected) / (1 - expected) if expected < 1 else None


def column_kappa(column: Column, predicted: Tensor) -> float | None:
    """Cohen's kappa of present against absent, of one label.

    Args:
        column: the label, over the images where it is known.
        predicted: [entries], bool.
    """
    if not len(column):
        return None
    present, images = column.present, len(column)
    observed = float((present == predicted).double().mean())
    a, b = int(present.sum()), int(predicted.sum())
    expected = (a * b + (images - a) * (images - b)) / images**2
    return (observed - expected) / (1 - expected) if expected < 1 else None
