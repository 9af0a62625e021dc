"""The report's pictures, drawn from the store as elements of the page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import inline_svg, new_figure
from orchestrator.figures.learning import SHOWN, draw_learning_curves
from orchestrator.figures.parallel import draw_parallel
from orchestrator.figures.reliability import draw_reliability
from orchestrator.figures.search import Draw, Parameter, draw_parameter, draw_search
from orchestrator.figures.words import metric_label, task_label
from orchestrator.report.columns import shown_laplace
from orchestrator.report.findings import Findings
from orchestrator.report.stages import first_stages

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from orchestrator.storage.ledger import Row
    from trainables.multilabel import AnyPredictions

MOST_PARAMETERS = 8
MOST_NETWORKS = 12


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An SVG element and what it shows."""

    svg: str
    label: str


class Studio:
    """Draws panels with names that are unique on the page."""

    def __init__(self) -> None:
        self._numbers = count()
        self._galleries = count()

    def gallery(self) -> str:
        """A name for a gallery."""
        return f"gallery-{next(self._galleries)}"

    def panel(
        self, draw: Callable[[FigureBase], None], label: str, *, width: float = 4.4, height: float = 3.1
    ) -> Picture:
        """A panel of that size in inches."""
        figure = new_figure(width, height)
        draw(figure)
        return Picture(svg=inline_svg(figure, name=f"figure-{next(self._numbers)}", label=label), label=label)


def learning_pictures(findings: Findings, studio: Studio) -> list[tuple[str, list[Picture]]]:
    """Training loss, NLL and accuracy on val by epoch, with the name of the stage where there are two of them.

    Empty before the first epoch.
    """
    firsts = first_stages(findings)
    titles = ("First stage", "Second stage") if firsts else ("", "")
    return [
        (title, _curves_of(findings, studio, rows, title))
        for title, rows in zip(titles, (firsts, findings.rows), strict=True)
        if any(row.reports for row in rows)
    ]


def _curves_of(findings: Findings, studio: Studio, rows: Sequence[Row], title: str) -> list[Picture]:
    best = findings.best.name if findings.best else None
    pictures = []
    for metric in SHOWN:
        draw = partial(draw_learning_curves, rows=rows, metric=metric, best=best)
        label = f"{metric_label(metric)} by epoch, a line a trial"
        pictures.append(studio.panel(draw, f"{title}: {label}" if title else label))
    return pictures


def search_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """The objective by trial and by parameter; empty as long as fewer than two trials have a value."""
    draws, objective = draws_of(findings), findings.first_objective
    if len(draws) < 2:
        return []
    label = "objective by trial, with the best so far"
    pictures = [studio.panel(lambda figure: draw_search(figure, draws, objective), label)]
    for axis in parameters_of(findings)[:MOST_PARAMETERS]:
        draw = partial(draw_parameter, draws=draws, parameter=axis, objective=objective)
        pictures.append(studio.panel(draw, f"objective by {axis.name}"))
    return pictures


def parallel_picture(findings: Findings, studio: Studio) -> Picture | None:
    """Parallel coordinates; None where there are fewer than two parameters or trials."""
    draws, parameters = draws_of(findings), parameters_of(findings)[:MOST_PARAMETERS]
    if len(parameters) < 2 or len(draws) < 2:
        return None
    draw = partial(draw_parallel, draws=draws, parameters=parameters, objective=findings.first_objective)
    return studio.panel(draw, "parallel coordinates of the parameters and the objective", width=13, height=4.2)


def reliability_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """Diagrams on test: best network before and after temperature and Laplace, best ensemble likewise."""
    calibrated = list(_calibrated(findings))
    if not calibrated:
        return []
    from trainables.metrics import reliability

    pictures = []
    for name, method, predictions in calibrated:
        draw = partial(draw_reliability, curve=reliability(predictions), title=f"{name}\n{method}")
        pictures.append(studio.panel(draw, f"reliability diagram on test: {name}, {method}", width=2.7, height=3.7))
    return pictures


def draws_of(findings: Findings) -> list[Draw]:
    """The trials that have a value, as points of the search."""
    metric, best = findings.first_objective.metric, findings.best
    return [
        Draw(
            number=row.trial,
            state=row.state,
            value=value,
            params=row.params,
            is_best=best is not None and row.name == best.name,
        )
        for row in findings.results
        if row.trial is not None and (value := row.metrics.get(metric)) is not None and math.isfinite(value)
    ]


def parameters_of(findings: Findings) -> list[Parameter]:
    """The axes of the space that were drawn and are not fixed."""
    found: dict[str, Parameter] = {}
    for row in findings.rows:
        for name, text in row.distributions.items():
            plain = json.loads(text)["attributes"]
            choices, low, high = tuple(plain.get("choices", ())), plain.get("low", 0.0), plain.get("high", 0.0)
            if len(choices) > 1 or high > low:
                axis = Parameter(name=name, choices=choices, low=low, high=high, log=bool(plain.get("log")))
                found.setdefault(name, axis)
    return list(found.values())


def _calibrated(findings: Findings) -> Iterator[tuple[str, str, AnyPredictions]]:
    """Name, method and predictions on test."""
    best, ensemble = findings.best, findings.best_ensemble
    wanted: list[tuple[str, str, str | None, str]] = []
    if best is not None:
        wanted.append((best.name, "uncalibrated", best.key, "test"))
        named = ["temperature", *_laplace(findings)]
        wanted += [(best.name, task_label(task), best.results.get(task), "test") for task in named]
    if ensemble is not None:
        wanted.append((ensemble.name, "uncalibrated", ensemble.key, "test"))
        wanted.append((ensemble.name, "temperature", ensemble.key, "temperature/test"))
    for name, method, key, split in wanted:
        predictions = findings.predictions(key, split)
        if predictions is not None:
            yield name, method, predictions


def _laplace(findings: Findings) -> Sequence[str]:
    task = shown_laplace([findings.best]) if findings.best else None
    return [task] if task else []
