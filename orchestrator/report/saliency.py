"""The radiographs of an AOPC task with their maps, and what is known about each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.figures.saliency import Explained, explained_images, heat_colours
from orchestrator.figures.words import explainer_label
from orchestrator.report.about_images import AboutImages, area_facts
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Facts, Gallery, Outline, Slide, View, outline, picture_uri, said
from orchestrator.report.pictures import Studio
from orchestrator.results import ResultRow
from trainables.spec import Aopc


def saliency_gallery(findings: Findings, studio: Studio, task: Aopc) -> Gallery | None:
    """The gallery of an AOPC task, of the best network; of another one as long as that has none."""
    for row in findings.networks:
        tensors = findings.tensors(row.results.get(task.name))
        slides = tuple(_slides(findings, row, task, tensors))
        if slides:
            method = explainer_label(task.explainer)
            return Gallery(name=studio.gallery(), title=f"{method} of {row.name}", slides=slides)
    return None


def _slides(findings: Findings, row: ResultRow, task: Aopc, tensors: Mapping[str, Any]) -> Iterator[Slide]:
    about = AboutImages(findings, row, task.split)
    images = list(explained_images(tensors, about.classes))
    rows = tensors.get("gallery/rows")
    lungs = about.lungs(rows.numpy()) if rows is not None and images else None
    for place, image in enumerate(images):
        yield Slide(
            target=image.target,
            predicted=image.predicted,
            said=said(image.is_right),
            width=image.pixels.shape[1],
            height=image.pixels.shape[0],
            uri=picture_uri(image.pixels),
            views=(View(name=explainer_label(task.explainer), uri=picture_uri(heat_colours(image.heat))),),
            lines=(*_lesion(image), *outline("lungs", None if lungs is None else lungs[place])),
            facts=image_facts(about, tensors, place, image),
        )


def image_facts(about: AboutImages, tensors: Mapping[str, Any], place: int, image: Explained) -> Facts:
    """What is known of an image of an AOPC result's gallery.

    Args:
        about: the network.
        tensors: of the result.
        place: of the image in the gallery.
        image: the same one.
    """
    if "gallery/rows" not in tensors:
        return (
            ("True class", image.target),
            ("Predicted", image.predicted),
            ("Probability", "the result does not say which image of the split this is"),
        )
    row, target, predicted = (int(tensors[f"gallery/{name}"][place]) for name in ("rows", "targets", "predicted"))
    return (*about.facts(row, target, predicted), *area_facts(tensors, row, is_right=image.is_right))


def _lesion(image: Explained) -> tuple[Outline, ...]:
    return outline("lesion", image.mask)
