"""The best network class by class on test: which are confused, and how well each is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.report.findings import Findings


@dataclass(frozen=True, kw_only=True)
class ConfusionRow:
    """Images of one true class, counted by predicted class, with the shares."""

    name: str
    counts: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class: its images on test, and its metrics; None where they are not defined."""

    name: str
    images: int
    recall: float | None
    precision: float | None
    auroc: float | None


@dataclass(frozen=True, kw_only=True)
class ByClass:
    """Confusion matrix and metrics by class."""

    classes: tuple[str, ...]
    confusion: tuple[ConfusionRow, ...]
    rows: tuple[ClassRow, ...]


def by_class(findings: Findings) -> ByClass | None:
    """Of the best network on test; None as long as there is no such thing."""
    best = findings.best
    predictions = findings.predictions(best.key, "test") if best else None
    if best is None or predictions is None:
        return None
    import torch

    classes = findings.classes(best.key)
    size = len(classes)
    pairs = predictions.targets * size + predictions.pooled_log_probs().argmax(1)
    counts = torch.bincount(pairs, minlength=size * size).reshape(size, size).tolist()
    confusion = tuple(
        ConfusionRow(name=name, counts=tuple(row), shares=tuple(count / max(1, sum(row)) for count in row))
        for name, row in zip(classes, counts, strict=True)
    )
    return ByClass(classes=classes, confusion=confusion, rows=_rows(best.metrics, classes, counts))


def _rows(
    metrics: Mapping[str, float | None], classes: tuple[str, ...], counts: list[list[int]]
) -> tuple[ClassRow, ...]:
    from trainables.metrics import class_names

    return tuple(
        ClassRow(
            name=name,
            images=sum(row),
            recall=metrics.get(f"test/recall/{clean}"),
            precision=metrics.get(f"test/precision/{clean}"),
            auroc=metrics.get(f"test/auroc/{clean}"),
        )
        for name, clean, row in zip(classes, class_names(classes), counts, strict=True)
    )
