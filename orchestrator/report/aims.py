"""What the search taught: which parameters mattered, and what is traded for what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial

from orchestrator.figures.front import Aim, Point, draw_front
from orchestrator.figures.importance import draw_importance
from orchestrator.figures.words import metric_label
from orchestrator.report.findings import Findings
from orchestrator.report.importance import importance
from orchestrator.report.pictures import Picture, Studio

USUAL: tuple[tuple[str, Aim], ...] = (
    ("val/auroc", Aim(name="AUROC on val", mode="max")),
    ("val/ece", Aim(name="ECE on val", mode="min")),
    ("aopc/val/aopc_gain", Aim(name="AOPC over random, val", mode="max")),
    ("aopc/test/aopc_gain", Aim(name="AOPC over random, test", mode="max")),
)


def front_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """Pairs of the objectives; of a single objective discrimination, calibration and explanations."""
    aims = _aims(findings)
    pictures = []
    for (one, x), (other, y) in itertools.combinations(aims, 2):
        points = [
            Point(name=row.name, x=row.metrics[one] or 0.0, y=row.metrics[other] or 0.0, is_best=row is findings.best)
            for row in findings.networks
            if _is_known(row.metrics, one) and _is_known(row.metrics, other)
        ]
        if len(points) > 1:
            draw = partial(draw_front, points=points, x=x, y=y)
            pictures.append(studio.panel(draw, f"{y.name} against {x.name}, with the front", width=4.4, height=3.3))
    return pictures


def importance_pictures(findings: Findings, studio: Studio) -> list[Picture]:
    """Shares of the parameters that every trial drew, by functional ANOVA; empty where there is too little to say."""
    objective = findings.first_objective
    shares = importance(findings, objective)
    if len(shares) < 2:
        return []
    title = f"What moved {metric_label(objective.metric)}"
    draw = partial(draw_importance, shares=shares, title=title)
    return [
        studio.panel(draw, f"importance of the parameters for {metric_label(objective.metric)}", width=4.4, height=3)
    ]


def _aims(findings: Findings) -> Sequence[tuple[str, Aim]]:
    if len(findings.objectives) > 1:
        return [(each.metric, Aim(name=metric_label(each.metric), mode=each.mode)) for each in findings.objectives]
    known = {name for row in findings.networks for name in row.metrics}
    found = [pair for pair in USUAL if pair[0] in known]
    names = [metric for metric, _ in found]
    return found[:-1] if "aopc/val/aopc_gain" in names and "aopc/test/aopc_gain" in names else found


def _is_known(metrics: Mapping[str, float | None], name: str) -> bool:
    value = metrics.get(name)
    return value is not None and math.isfinite(value)
