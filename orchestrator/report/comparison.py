"""Explanations of the best trials beside one another, as the report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from orchestrator.compared import ComparedNetwork, aopc_tasks, area_curves, compared_networks, image_grid
from orchestrator.figures.compared import MOST_OVERLAYS, OPACITY, draw_areas
from orchestrator.figures.overlay import ALPHAS, blended
from orchestrator.figures.saliency import explained_images
from orchestrator.figures.words import explainer_label
from orchestrator.report.findings import Findings
from orchestrator.report.pictures import Studio
from orchestrator.report.saliency import data_uri
from orchestrator.storage.ledger import Ledger

SIDE, LARGE_SIDE = 192, 288
"""Pixels of a picture in a grid, and of one that stands for itself."""


def area_comparison(findings: Findings, studio: Studio) -> dict[str, Any]:
    """The AOPC by step of the best trials, and their final table; empty where fewer than two have one."""
    networks = [each for each in _networks(findings) if "aopc_by_step" in each.tensors]
    if len(networks) < 2:
        return {}
    draw = partial(draw_areas, curves=area_curves(networks))
    metrics = ("aopc", "aopc_random", "aopc_gain")
    return {
        "picture": studio.panel(draw, "AOPC by step, a line a trial, dashed its random order", width=6.6, height=3.6),
        "lines": [
            {"name": each.name, "label": each.label, "cells": [each.value(metric) for metric in metrics]}
            for each in networks
        ],
    }


def grid_comparison(findings: Findings) -> dict[str, Any]:
    """Maps of the same images, a row a trial; empty where fewer than two trials have them."""
    grid = image_grid(_networks(findings))
    if len(grid.rows) < 2:
        return {}
    rows = []
    for row in grid.rows:
        cells: list[dict[str, Any] | None] = []
        for number, _, target in grid.images:
            if number not in row.cells:
                cells.append(None)
                continue
            pixels, heat, predicted = row.cells[number]
            uri = data_uri(blended(pixels, heat, OPACITY), SIDE)
            cells.append({"uri": uri, "predicted": predicted, "is_right": predicted == target})
        rows.append({"name": row.name, "words": row.label.split(", ") if row.label else [], "cells": cells})
    images = [{"uri": data_uri(pixels, SIDE), "target": target} for _, pixels, target in grid.images]
    return {"images": images, "rows": rows}


def compared_by(findings: Findings) -> str:
    """The method of the maps by which trials are compared."""
    tasks = aopc_tasks(findings.definition)
    return explainer_label(tasks[0].explainer) if tasks else ""


def overlays(findings: Findings, alphas: Sequence[float] = ALPHAS) -> dict[str, Any]:
    """A few images of the best network's gallery with the map at several opacities; empty where it has none."""
    best = findings.best
    tasks = aopc_tasks(findings.definition)
    tensors = findings.tensors(best.results.get(tasks[0].name)) if best and tasks else {}
    images = list(explained_images(tensors, findings.classes(best.key)))[:MOST_OVERLAYS] if best else []
    if best is None or not images:
        return {}
    lines = [
        {
            "target": image.target,
            "predicted": image.predicted,
            "is_right": image.is_right,
            "uris": [
                data_uri(image.pixels, LARGE_SIDE),
                *(data_uri(blended(image.pixels, image.heat, alpha), LARGE_SIDE) for alpha in alphas),
            ],
        }
        for image in images
    ]
    return {"name": best.name, "alphas": list(alphas), "lines": lines}


def _networks(findings: Findings) -> list[ComparedNetwork]:
    return compared_networks(findings.store, Ledger(findings.store.root, findings.name))
