"""The best network class by class on test, or label by label: which are confused, and how well each is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.findings import Findings

if TYPE_CHECKING:
    from trainables.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class ConfusionRow:
    """Images of one true class, counted by predicted class, with the shares."""

    name: str
    counts: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class or label: its images on test, and its metrics; None where they are not defined."""

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None

    @property
    def values(self) -> tuple[float | None, ...]:
        """In the order of the table's heads."""
        return (self.precision, self.recall, self.f1, self.auroc, self.auprc)


@dataclass(frozen=True, kw_only=True)
class ByClass:
    """Confusion matrix and metrics by class; labels exclude each other in no way, and have no such matrix.

    Attributes:
        noun: what a row is, `class` or `label`.
        classes: their names.
        confusion: empty for labels.
        rows: metrics of each.
    """

    noun: str
    classes: tuple[str, ...]
    confusion: tuple[ConfusionRow, ...]
    rows: tuple[ClassRow, ...]

    @property
    def averages(self) -> tuple[ClassRow, ...]:
        """Means over the rows: plain, and weighted by images."""
        return _averages(self.rows)


def by_class(findings: Findings) -> ByClass | None:
    """Of the best network on test; None as long as there is no such thing."""
    best = findings.best
    predictions = findings.predictions(best.key, "test") if best else None
    if best is None or predictions is None:
        return None
    from trainables.predictions import Predictions

    classes = findings.classes(best.key)
    if not isinstance(predictions, Predictions):
        present = (predictions.targets > 0.5).sum(0).tolist()
        return ByClass(noun="label", classes=classes, confusion=(), rows=_rows(best.metrics, classes, present))
    confusion = _confusion(predictions, classes)
    images = [sum(row.counts) for row in confusion]
    return ByClass(noun="class", classes=classes, confusion=confusion, rows=_rows(best.metrics, classes, images))


def _confusion(predictions: Predictions, classes: tuple[str, ...]) -> tuple[ConfusionRow, ...]:
    import torch

    size = len(classes)
    pairs = predictions.targets * size + predictions.pooled_log_probs().argmax(1)
    counts = torch.bincount(pairs, minlength=size * size).reshape(size, size).tolist()
    return tuple(
        ConfusionRow(name=name, counts=tuple(row), shares=tuple(count / max(1, sum(row)) for count in row))
        for name, row in zip(classes, counts, strict=True)
    )


def _rows(metrics: Mapping[str, float | None], classes: tuple[str, ...], images: list[int]) -> tuple[ClassRow, ...]:
    from trainables.metrics import class_names

    def row(name: str, clean: str, count: int) -> ClassRow:
        def value(metric: str) -> float | None:
            return metrics.get(f"test/{metric}/{clean}")

        return ClassRow(
            name=name,
            images=count,
            precision=value("precision"),
            recall=value("recall"),
            f1=value("f1"),
            auroc=value("auroc"),
            auprc=value("auprc"),
        )

    return tuple(row(*each) for each in zip(classes, class_names(classes), images, strict=True))


def _averages(rows: tuple[ClassRow, ...]) -> tuple[ClassRow, ...]:
    """The two last lines of a classification report: means over the classes, plain and weighted by their images."""

    def average(name: str, weights: list[int]) -> ClassRow:
        def mean(values: list[float | None]) -> float | None:
            pairs = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
            total = sum(weight for _, weight in pairs)
            return sum(value * weight for value, weight in pairs) / total if total else None

        columns = list(zip(*(row.values for row in rows), strict=True))
        precision, recall, f1, auroc, auprc = (mean(list(column)) for column in columns)
        images = sum(row.images for row in rows)
        return ClassRow(name=name, images=images, precision=precision, recall=recall, f1=f1, auroc=auroc, auprc=auprc)

    if not rows:
        return ()
    return average("macro average", [1] * len(rows)), average("weighted average", [row.images for row in rows])
