"""The report's pictures, drawn from the store as elements of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from orchestrator.figures.canvas import inline_svg, new_figure
from orchestrator.figures.learning import SHOWN, draw_learning_curves
from orchestrator.figures.perturbation import draw_perturbation
from orchestrator.figures.reliability import draw_reliability
from orchestrator.figures.search import Draw, Parameter, draw_parallel, draw_parameter, draw_search
from orchestrator.figures.words import metric_label, task_label
from orchestrator.report.columns import shown_laplace
from orchestrator.report.findings import Findings

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase
    from trainables.predictions import Predictions

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

    def panel(
        self, draw: Callable[[FigureBase], None], label: str, *, width: float = 4.4, height: float = 3.1
    ) -> Picture:
        """A panel of that size in inches."""
        figure = new_figure(width, height)
        draw(figure)
        return Picture(svg=inline_svg(figure, name=f"figure-{next(self._numbers)}", label=label), label=label)


def learning_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """Training loss, NLL and accuracy on val by epoch; empty before the first epoch."""
    if not any(row.reports for row in findings.rows):
        return []
    best = findings.best.name if findings.best else None
    return [
        studio.panel(
            lambda figure, metric=metric: draw_learning_curves(figure, findings.rows, metric, best=best),  # type: ignore[misc]
            f"{metric_label(metric)} by epoch, a line a trial",
        )
        for metric in SHOWN
    ]


def search_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """The objective by trial and by parameter, and the parameters side by side; empty as long as no trial has a value."""
    draws, parameters = draws_of(findings), parameters_of(findings)
    objective = findings.first_objective
    if not any(draw.value is not None for draw in draws):
        return []
    metric, mode = objective.metric, objective.mode
    pictures = [
        studio.panel(
            lambda figure: draw_search(figure, draws, metric, mode), "objective by trial, with the best so far"
        )
    ]
    pictures += [
        studio.panel(
            lambda figure, axis=axis: draw_parameter(figure, draws, axis, metric),  # type: ignore[misc]
            f"objective by {axis.name}",
        )
        for axis in parameters[:MOST_PARAMETERS]
    ]
    return pictures


def parallel_picture(findings: Findings, studio: Studio) -> Picture | None:
    """Parallel coordinates; None where there are fewer than two parameters or trials."""
    draws, parameters = draws_of(findings), parameters_of(findings)
    objective = findings.first_objective
    if len(parameters) < 2 or sum(draw.value is not None for draw in draws) < 2:
        return None
    return studio.panel(
        lambda figure: draw_parallel(figure, draws, parameters[:MOST_PARAMETERS], objective.metric, objective.mode),
        "parallel coordinates of the parameters and the objective",
        width=9.6,
        height=3.6,
    )


def reliability_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """Diagrams on test: best network before and after temperature and Laplace, best ensemble likewise."""
    from trainables.metrics import reliability

    return [
        studio.panel(
            lambda figure, each=each, title=title: draw_reliability(figure, reliability(each), title),  # type: ignore[misc]
            f"reliability diagram on test: {title}",
            width=3.6,
            height=3.9,
        )
        for title, each in _calibrated(findings)
    ]


def perturbation_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """A curve a network, the best one first."""
    pictures = []
    for row in findings.networks[:MOST_NETWORKS]:
        tensors = findings.tensors(row.results.get("aopc"))
        if "curve" in tensors:
            pictures.append(
                studio.panel(
                    lambda figure, tensors=tensors, name=row.name: draw_perturbation(figure, tensors, name),  # type: ignore[misc]
                    f"perturbation curve of {row.name} against a random order",
                    width=3.6,
                    height=2.9,
                )
            )
    return pictures


def draws_of(findings: Findings) -> list[Draw]:
    """The trials as points of the search."""
    metric, best = findings.first_objective.metric, findings.best
    return [
        Draw(
            number=row.trial,
            state=row.state,
            value=row.metrics.get(metric),
            params=row.params,
            is_best=best is not None and row.name == best.name,
        )
        for row in findings.results
        if row.trial is not None
    ]


def parameters_of(findings: Findings) -> list[Parameter]:
    """The axes of the space that were drawn at all and are not fixed."""
    found: dict[str, Parameter] = {}
    for row in findings.rows:
        for name, text in row.distributions.items():
            plain = json.loads(text)["attributes"]
            choices = tuple(plain.get("choices", ()))
            if len(choices) != 1:
                found.setdefault(name, Parameter(name=name, choices=choices, log=bool(plain.get("log"))))
    return list(found.values())


def _calibrated(findings: Findings) -> Iterator[tuple[str, Predictions]]:
    best, ensemble = findings.best, findings.best_ensemble
    wanted: list[tuple[str, str | None, str]] = []
    if best is not None:
        wanted.append((f"{best.name}, uncalibrated", best.key, "test"))
        named = ["temperature", *_laplace(findings)]
        wanted += [(f"{best.name}, {task_label(task)}", best.results.get(task), "test") for task in named]
    if ensemble is not None:
        wanted += [(f"{ensemble.name}, uncalibrated", ensemble.key, "test")]
        wanted += [(f"{ensemble.name}, temperature", ensemble.key, "temperature/test")]
    for title, key, split in wanted:
        predictions = findings.predictions(key, split)
        if predictions is not None:
            yield title, predictions


def _laplace(findings: Findings) -> Sequence[str]:
    task = shown_laplace([findings.best]) if findings.best else None
    return [task] if task else []
