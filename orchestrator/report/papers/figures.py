"""The papers' figures that the report's other sections do not have: samples, and numbers by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator.figures.epochs import draw_by_epoch
from orchestrator.report.gallery import picture_uri
from orchestrator.report.papers.measured import Measured
from orchestrator.report.pictures import Picture, Studio
from orchestrator.report.stages import first_reports
from orchestrator.results import ResultRow

MOST_SAMPLES, A_CLASS = 12, 2
SAMPLE_SIDE = 192


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """Where a figure of the paper is found.

    Attributes:
        name: as the paper numbers it.
        what: it shows.
        section: of the report that has it; empty where its pictures follow here.
        anchor: the place within the section; empty for its beginning.
        pictures: panels.
        samples: images as data URIs with their class.
    """

    name: str
    what: str
    section: str = ""
    anchor: str = ""
    pictures: tuple[Picture, ...] = ()
    samples: tuple[tuple[str, str], ...] = ()


def samples(measured: Measured) -> tuple[tuple[str, str], ...]:
    """A few training images, in turn of the classes; of labels one that is present."""
    import numpy as np

    from orchestrator.network import StoredNetwork
    from trainables.posthoc.aopc import gallery_targets
    from trainables.posthoc.compared import in_turn_of_classes

    networks = measured.findings.networks
    if not networks:
        return ()
    network = StoredNetwork(measured.findings.store, networks[0].key)
    images = network.images("train")
    targets, is_known = gallery_targets(images.targets, np.zeros(len(images), np.int64))
    wanted = min(MOST_SAMPLES, A_CLASS * len(network.classes))
    rows = in_turn_of_classes(np.arange(len(images))[is_known], targets)[:wanted]
    return tuple(
        (picture_uri(np.array(images.pixels[row]), SAMPLE_SIDE), network.classes[targets[row]]) for row in rows
    )


def by_epoch(
    measured: Measured, studio: Studio, row: ResultRow | None, metrics: Mapping[str, str], title: str, y: str
) -> tuple[Picture, ...]:
    """Metrics of one trial by epoch, a line a metric, named as given; of two stages one after the other."""
    first, reports = _first_stage(measured, row), reports_of(measured, row)
    reports = [*first, *reports]
    lines = {name: [each.get(metric, math.nan) for each in reports] for metric, name in metrics.items()}
    lines = {name: values for name, values in lines.items() if any(map(math.isfinite, values))}
    if not lines:
        return ()
    ledger_row = next(each for each in measured.findings.rows if row is not None and each.name == row.name)
    kept = ledger_row.best.epoch if ledger_row.best is not None else None
    kept = None if kept is None else kept + len(first)
    draw = partial(
        draw_by_epoch, lines=lines, title=title, y=y, kept=kept, second_from=len(first) + 1 if first else None
    )
    return (studio.panel(draw, f"{title}: {', '.join(lines)} by epoch", width=4.6, height=3.4),)


def by_value(
    measured: Measured, studio: Studio, rows: Sequence[ResultRow], parameter: str, metric: str, title: str
) -> tuple[Picture, ...]:
    """A metric by epoch, a line for each trial's value of a parameter."""
    ordered = sorted(rows, key=lambda row: float(row.params[parameter]))
    lines = {
        f"{row.params[parameter]:g}": [each.get(metric, math.nan) for each in reports_of(measured, row)]
        for row in ordered
    }
    if not lines:
        return ()
    draw = partial(draw_by_epoch, lines=lines, title=title, y="mean AUC on val")
    return (studio.panel(draw, f"{title}: mean AUC on val by epoch", width=4.6, height=3.4),)


def reports_of(measured: Measured, row: ResultRow | None) -> list[Mapping[str, float]]:
    """Metrics by epoch of a trial."""
    found = (each for each in measured.findings.rows if row is not None and each.name == row.name)
    return [report.metrics for each in found for report in each.reports]


def _first_stage(measured: Measured, row: ResultRow | None) -> list[Mapping[str, float]]:
    found = (each for each in measured.findings.rows if row is not None and each.name == row.name)
    return [report.metrics for each in found for report in first_reports(measured.findings, each)]
