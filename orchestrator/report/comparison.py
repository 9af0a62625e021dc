"""Explanations of the best trials beside one another, as the report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from orchestrator.compared import ComparedNetwork, aopc_tasks, area_curves, compared_among, image_grid
from orchestrator.figures.compared import MOST_OVERLAYS, OPACITY, Grid, GridRow, draw_areas
from orchestrator.figures.overlay import ALPHAS, even_colours
from orchestrator.figures.saliency import explained_images
from orchestrator.figures.words import explainer_label
from orchestrator.report.about_images import AboutImages, area_facts
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Facts, Gallery, Slide, View, outline, picture_uri, said
from orchestrator.report.pictures import Studio
from orchestrator.report.saliency import image_facts

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
    networks = _networks(findings)
    grid = image_grid(networks)
    if len(grid.rows) < 2:
        return {}
    method = compared_by(findings)
    told = {each.name: _told(findings, each) for each in networks}
    slides = tuple(_slide(grid, place, method, told) for place in range(len(grid.images)))
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
    best, tasks = findings.best, aopc_tasks(findings.definition)
    if best is None or not tasks:
        return None
    about = AboutImages(findings, best, tasks[0].split)
    tensors = findings.tensors(best.results.get(tasks[0].name))
    images = list(explained_images(tensors, about.classes))[:MOST_OVERLAYS]
    if not images:
        return None
    slides = []
    for place, image in enumerate(images):
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
                facts=image_facts(about, tensors, place, image),
            )
        )
    return Gallery(
        name=studio.gallery(),
        title=f"{compared_by(findings)} of {best.name} at several opacities",
        slides=tuple(slides),
    )


def _told(findings: Findings, network: ComparedNetwork) -> dict[int, Facts]:
    """By the image's number, what is known of it under a network; empty of a result that does not say which rows it shows."""
    row = next((each for each in findings.networks if each.key == network.key), None)
    if row is None or "compared/rows" not in network.tensors:
        return {}
    about = AboutImages(findings, row, aopc_tasks(findings.definition)[0].split)
    arrays = (network.tensors[f"compared/{name}"].tolist() for name in ("ids", "rows", "targets", "predicted"))
    return {
        number: (
            *about.facts(image, target, predicted),
            *area_facts(network.tensors, image, is_right=target == predicted),
        )
        for number, image, target, predicted in zip(*arrays, strict=True)
    }


def _slide(grid: Grid, place: int, method: str, told: Mapping[str, Mapping[int, Facts]]) -> Slide:
    number, pixels, target = grid.images[place]
    views = tuple(
        _view(row, number, target, method, told[row.name].get(number)) for row in grid.rows if number in row.cells
    )
    first = grid.rows[0]
    return Slide(
        target=target,
        predicted="",
        said=said(first.cells[number][2] == target) if number in first.cells else "",
        width=pixels.shape[1],
        height=pixels.shape[0],
        uri=picture_uri(pixels),
        views=views,
        facts=_of_all(target),
    )


def _view(row: GridRow, number: int, target: str, method: str, told: Facts | None) -> View:
    _, heat, predicted = row.cells[number]
    facts = told or (("Predicted", predicted), ("Network", row.name))
    return View(
        name=row.name,
        uri=picture_uri(even_colours(heat), SIDE),
        caption=f"→ {predicted}",
        said=said(predicted == target),
        facts=(
            *(fact for fact in facts if fact not in _of_all(target)),
            *((("Drawn with", row.label),) if row.label else ()),
            ("Map", f"{method} of the true class"),
        ),
        opacity=OPACITY,
    )


def _of_all(target: str) -> Facts:
    """What holds of an image whatever a network says of it."""
    return (("True class", target),)


def _networks(findings: Findings) -> list[ComparedNetwork]:
    return compared_among(findings.store, findings.definition, findings.results)
