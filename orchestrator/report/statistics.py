"""Numbers with their intervals, prediction sets, and pictures of what a network's doubt is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.figures.selective import draw_referral, draw_risk_coverage, draw_shift
from orchestrator.figures.words import METRICS
from orchestrator.report.findings import Findings
from orchestrator.report.intervals import SHOWN, Judged, judged_rows
from orchestrator.report.text import DASH, number_text
from orchestrator.results import ResultRow, network_tasks

if TYPE_CHECKING:
    from orchestrator.report.pictures import Picture, Studio

SET_METRICS = ("coverage", "set_size", "single", "empty")


@dataclass(frozen=True, kw_only=True)
class IntervalLine:
    """A line of the table: a title, and value and interval of each metric as text; bold where a difference is real."""

    title: str
    cells: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, kw_only=True)
class SetLine:
    """Prediction sets of one network: method, promised coverage, metrics as text, the class that is covered least."""

    method: str
    promised: str
    values: tuple[str, ...]
    least: str


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What the section shows; every part may be empty.

    Attributes:
        heads: of the metrics.
        lines: of the table of intervals.
        units: what was drawn, `60 patients`.
        sets: lines of the prediction sets.
        pictures: curves.
    """

    heads: tuple[str, ...]
    lines: tuple[IntervalLine, ...]
    units: str
    sets: tuple[SetLine, ...]
    pictures: tuple[Picture, ...]


def statistics_of(findings: Findings, studio: Studio) -> Statistics:
    """Of the best network, its seeds and the best ensemble."""
    judged, units = judged_rows(findings)
    lines = [*map(_interval_line, judged), *_seed_lines(findings)]
    best = findings.best
    return Statistics(
        heads=tuple(METRICS.get(name, name) for name in SHOWN),
        lines=tuple(lines),
        units=units,
        sets=_set_lines(findings, best) if best is not None else (),
        pictures=(*_curves(findings, studio), *_shifts(findings, studio)),
    )


def _interval_line(judged: Judged) -> IntervalLine:
    cells = []
    for name in SHOWN:
        found = judged.intervals.get(name)
        if found is None:
            cells.append((DASH, "", False))
            continue
        text = f"{found.value:+z.3f}" if judged.is_difference else number_text(found.value)
        between = (
            f"{found.low:+z.3f} to {found.high:+z.3f}"
            if judged.is_difference
            else f"{found.low:z.3f} to {found.high:z.3f}"
        )
        cells.append((text, between, judged.is_difference and found.excludes_zero))
    return IntervalLine(title=judged.title, cells=tuple(cells))


def _seed_lines(findings: Findings) -> list[IntervalLine]:
    """Mean and standard error over the seeds of the best configuration; nothing for a single seed."""
    seeds = findings.seeds
    if len(seeds) < 2:
        return []
    from trainables.metrics.bootstrap import mean_and_error

    cells = []
    for name in SHOWN:
        values = [value for row in seeds if (value := row.metrics.get(f"test/{name}")) is not None]
        mean, error = mean_and_error(values) if values else (None, None)
        cells.append((number_text(mean), f"± {error:z.3f} SE" if error is not None else "", False))
    return [IntervalLine(title=f"its configuration under {len(seeds)} seeds, mean ± SE", cells=tuple(cells))]


def _set_lines(findings: Findings, best: ResultRow) -> tuple[SetLine, ...]:
    from trainables.spec import Conformal

    lines = []
    for each in network_tasks(findings.definition):
        if not isinstance(each, Conformal) or each.name not in best.results:
            continue
        task = each.name
        by_class = {
            name.rpartition("/")[2]: value
            for name, value in best.metrics.items()
            if name.startswith(f"{task}/test/coverage/") and value is not None
        }
        least = min(by_class, key=by_class.__getitem__, default=None)
        lines.append(
            SetLine(
                method=task.removeprefix("conformal_").upper().replace("_", " "),
                promised=f"{1 - each.alpha:g}",
                values=tuple(number_text(best.metrics.get(f"{task}/test/{name}")) for name in SET_METRICS),
                least=f"{least} {by_class[least]:z.3f}" if least is not None else DASH,
            )
        )
    return tuple(lines)


def _curves(findings: Findings, studio: Studio) -> list[Picture]:
    from trainables.metrics import selective_curves

    found: dict[str, Mapping[str, object]] = {}
    for row in (findings.best, findings.best_ensemble):
        predictions = findings.predictions(row.key, "test") if row is not None else None
        if row is not None and predictions is not None and (curves := selective_curves(predictions)):
            found[row.name] = curves
    if not found:
        return []
    risks = {name: curves["risk_coverage"] for name, curves in found.items()}
    referred = {name: curves["referral"] for name, curves in found.items()}
    return [
        studio.panel(
            partial(draw_risk_coverage, curves=risks, title="Risk and coverage"), "risk-coverage curve on test"
        ),
        studio.panel(partial(draw_referral, curves=referred, title="Referral"), "accuracy after referral on test"),
    ]


def _shifts(findings: Findings, studio: Studio) -> list[Picture]:
    from trainables.spec import Shift

    tensors = findings.tensors(findings.best.results.get("shift") if findings.best else None)
    tasks = [task for task in network_tasks(findings.definition) if isinstance(task, Shift)]
    names = tasks[0].corruptions if tasks else ()
    pictures = []
    for metric in ("accuracy", "ece"):
        if metric in tensors:
            values = dict(zip(names, tensors[metric].tolist(), strict=True))
            label = METRICS.get(metric, metric)
            draw = partial(draw_shift, values=values, title=f"Corruptions: {label}", y=label)
            pictures.append(studio.panel(draw, f"{label} under corruptions"))
    return pictures
