"""The report's section on ensembles: who was chosen, what that gains over the best member, quality by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestrator.figures.sizes import SHOWN, draw_sizes, size_points, sized_metrics
from orchestrator.report.findings import Findings
from orchestrator.report.pictures import Picture, Studio
from orchestrator.report.text import number_text, plural
from orchestrator.results import ResultRow

GAINS = {"accuracy": "accuracy", "auroc": "AUROC", "nll": "NLL", "ece": "ECE"}
TEMPERED = ("nll", "ece", "ece_5_bins")


@dataclass(frozen=True, kw_only=True)
class EnsembleEntry:
    """One ensemble.

    Attributes:
        title: its name and what it holds.
        members: names of its networks, with how often each counts.
        selection: a line a pick of a selection: place, name, value on val, whether it is kept.
        selected_by: what the values are.
        gains: metric, gain and interval as text.
        compared: with whom, and what was resampled.
        size_heads: heads of the table by size.
        size_rows: a line a size.
        pictures: quality by size.
    """

    title: str
    members: str
    selection: tuple[tuple[str, ...], ...] = ()
    selected_by: str = ""
    gains: tuple[tuple[str, ...], ...] = ()
    compared: str = ""
    size_heads: tuple[str, ...] = ()
    size_rows: tuple[tuple[str, ...], ...] = ()
    pictures: tuple[Picture, ...] = ()


def ensemble_entries(findings: Findings, studio: Studio) -> list[EnsembleEntry]:
    """Every complete ensemble."""
    return [_entry(findings, row, studio) for row in findings.ensembles]


def _entry(findings: Findings, row: ResultRow, studio: Studio) -> EnsembleEntry:
    details: Mapping[str, Any] = findings.meta(row.key).get("details", {})
    names = findings.names
    selection = details.get("selection", ())
    metric = next((name for line in selection for name in line if name.startswith("val/")), "")
    heads = sized_metrics(row.metrics)
    return EnsembleEntry(
        title=f"{row.name}, {plural(len(row.members), 'network')}",
        members=", ".join(_member(names.get(key, key), row.weights.get(key, 1)) for key in row.members),
        selection=tuple(_pick(n, line, metric, names) for n, line in enumerate(selection, 1)),
        selected_by=metric,
        gains=tuple(_gains(row)),
        compared=_compared(details, names),
        size_heads=tuple(_heads(heads)),
        size_rows=_size_rows(row, heads),
        pictures=tuple(
            studio.panel(partial(draw_sizes, metrics=row.metrics, name=name), f"{SHOWN[name]} of {row.name} by size")
            for name in heads
        ),
    )


def _member(name: str, weight: int) -> str:
    return name if weight == 1 else f"{name} × {weight}"


def _pick(place: int, line: Mapping[str, Any], metric: str, names: Mapping[str, str]) -> tuple[str, ...]:
    added = str(line["added"])
    return (str(place), names.get(added, added), number_text(line[metric], 4), "yes" if line["kept"] else "no")


def _gains(row: ResultRow) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for prefix, stage in (("", "as trained"), ("temperature/", "after temperature")):
        for metric, label in GAINS.items():
            name = f"{prefix}test/{metric}_gain"
            if row.metrics.get(name) is not None:
                low, high = row.metrics.get(f"{name}/low"), row.metrics.get(f"{name}/high")
                lines.append((f"{label}, {stage}", _signed(row.metrics[name]), _signed(low), _signed(high)))
    return lines


def _signed(value: float | None) -> str:
    return number_text(value) if value is None else f"{value:+z.3f}"


def _compared(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if "best_member" not in details:
        return ""
    best = names.get(details["best_member"], details["best_member"])
    return f"over {best}, the best single member on val; {details['resampled']}"


def _heads(metrics: list[str]) -> list[str]:
    heads = ["Members"] if metrics else []
    for name in metrics:
        heads += [SHOWN[name], *([f"{SHOWN[name]}, temp."] if name in TEMPERED else [])]
    return heads


def _size_rows(row: ResultRow, metrics: list[str]) -> tuple[tuple[str, ...], ...]:
    columns = [f"{stage}/{name}" for name in metrics for stage in ("test", "temperature/test")]
    columns = [each for each in columns if each.startswith("test/") or each.rsplit("/", 1)[1] in TEMPERED]
    by_column = [{point.size: point for point in size_points(row.metrics, column)} for column in columns]
    sizes = sorted({size for points in by_column for size in points})
    lines = []
    for size in sizes:
        cells = []
        for points in by_column:
            point = points.get(size)
            error = "" if point is None or point.error is None else f" ± {number_text(point.error)}"
            spread = "" if point is None or point.deviation is None else f" ({number_text(point.deviation)})"
            cells.append(number_text(point.mean if point else None) + error + spread)
        lines.append((str(size), *cells))
    return tuple(lines)
