"""Explanations of the best trials beside one another, as the report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from orchestrator.compared import ComparedNetwork, aopc_tasks, area_curves, compared_networks, image_grid
from orchestrator.figures.compared import MOST_OVERLAYS, OPACITY, Grid, GridRow, draw_areas
from orchestrator.figures.overlay import ALPHAS, even_colours
from orchestrator.figures.saliency import explained_images
from orchestrator.figures.words import explainer_label
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Gallery, Slide, View, outline, picture_uri, said
from orchestrator.report.pictures import Studio
from orchestrator.storage.ledger import Ledger

SIDE = 288
"""Pixels of a map's side in a grid of many."""


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


def grid_comparison(findings: Findings, studio: Studio) -> dict[str, Any]:
    """Maps of the same images, a row a trial; empty where fewer than two trials have them.

    Returns:
        `gallery`, whose slides are the images with a view a trial that was shown on them, and `rows`: name, words and the
        view of each image or None.
    """
    grid = image_grid(_networks(findings))
    if len(grid.rows) < 2:
        return {}
    method = compared_by(findings)
    slides = tuple(_slide(grid, place, method) for place in range(len(grid.images)))
    gallery = Gallery(
        name=studio.gallery(),
        title=f"{method} of the true class by every trial",
        slides=slides,
        note=f"right or wrong by {grid.rows[0].name}",
    )
    rows = [
        {
            "name": row.name,
            "words": row.label.split(", ") if row.label else [],
            "views": [next((view for view in slide.views if view.name == row.name), None) for slide in slides],
        }
        for row in grid.rows
    ]
    return {"gallery": gallery, "rows": rows}


def compared_by(findings: Findings) -> str:
    """The method of the maps by which trials are compared."""
    tasks = aopc_tasks(findings.definition)
    return explainer_label(tasks[0].explainer) if tasks else ""


def overlays(findings: Findings, studio: Studio, alphas: Sequence[float] = ALPHAS) -> Gallery | None:
    """A few images of the best network's gallery with the map at several opacities; None where it has none."""
    best = findings.best
    tasks = aopc_tasks(findings.definition)
    tensors = findings.tensors(best.results.get(tasks[0].name)) if best and tasks else {}
    images = list(explained_images(tensors, findings.classes(best.key)))[:MOST_OVERLAYS] if best else []
    if best is None or not images:
        return None
    slides = []
    for image in images:
        uri = picture_uri(even_colours(image.heat))
        slides.append(
            Slide(
                target=image.target,
                predicted=image.predicted,
                said=said(image.is_right),
                width=image.pixels.shape[1],
                height=image.pixels.shape[0],
                uri=picture_uri(image.pixels),
                views=tuple(View(name=f"Opacity {alpha}", uri=uri, opacity=alpha) for alpha in alphas),
                lines=outline("lesion", image.mask),
                facts=(("True class", image.target), ("Predicted", image.predicted), ("Network", best.name)),
            )
        )
    return Gallery(
        name=studio.gallery(),
        title=f"{compared_by(findings)} of {best.name} at several opacities",
        slides=tuple(slides),
    )


def _slide(grid: Grid, place: int, method: str) -> Slide:
    number, pixels, target = grid.images[place]
    views = tuple(_view(row, number, target, method) for row in grid.rows if number in row.cells)
    first = grid.rows[0]
    return Slide(
        target=target,
        predicted="",
        said=said(first.cells[number][2] == target) if number in first.cells else "",
        width=pixels.shape[1],
        height=pixels.shape[0],
        uri=picture_uri(pixels),
        views=views,
        facts=(("True class", target),),
    )


def _view(row: GridRow, number: int, target: str, method: str) -> View:
    _, heat, predicted = row.cells[number]
    return View(
        name=row.name,
        uri=picture_uri(even_colours(heat), SIDE),
        caption=f"→ {predicted}",
        said=said(predicted == target),
        facts=(
            ("Network", f"{row.name}, {row.label}" if row.label else row.name),
            ("Predicted", predicted),
            ("Map", f"{method} of the true class"),
        ),
        opacity=OPACITY,
    )


def _networks(findings: Findings) -> list[ComparedNetwork]:
    return compared_networks(findings.store, Ledger(findings.store.root, findings.name))
