"""Attentive response maps as the report shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.figures.attentive import OTHERS, Attentive, attentive_images, unit_colours, winner_colours
from orchestrator.figures.saliency import heat_colours
from orchestrator.report.about_images import AboutImages
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Facts, Gallery, Slide, View, picture_uri, said
from orchestrator.report.pictures import Studio
from orchestrator.report.text import params_text
from orchestrator.results import ResultRow, network_tasks
from trainables.spec import AttentiveMaps

SIDE, UNIT_SIDE = 384, 256
TASK = "attentive"
MOST_NETWORKS = 3
TOGETHER = 2
"""Views of all units together, before those of single ones."""


@dataclass(frozen=True, kw_only=True)
class AttentiveSection:
    """The maps of one network.

    Attributes:
        name: of the network.
        drawn: what it was drawn with; empty for nothing.
        units: of how many units the largest response is shown.
        shown: of how many single ones.
        gallery: its images.
    """

    name: str
    drawn: str
    units: int
    shown: int
    gallery: Gallery


def attentive_sections(findings: Findings, studio: Studio) -> list[AttentiveSection]:
    """A few networks that have such maps, the best one first."""
    sections: list[AttentiveSection] = []
    for row in findings.networks:
        tensors = findings.tensors(row.results.get(TASK))
        images = list(attentive_images(tensors, findings.classes(row.key)))
        if images:
            slides = tuple(_slides(findings, row, tensors, images))
            title = f"Attentive response maps of {row.name}"
            sections.append(
                AttentiveSection(
                    name=row.name,
                    drawn=params_text(row.params),
                    units=len(images[0].units),
                    shown=len(images[0].individual),
                    gallery=Gallery(name=studio.gallery(), title=title, slides=slides),
                )
            )
        if len(sections) == MOST_NETWORKS:
            break
    return sections


def _slides(findings: Findings, row: ResultRow, tensors: Mapping[str, Any], images: list[Attentive]) -> Iterator[Slide]:
    colours = unit_colours(images)
    task = next(each for each in network_tasks(findings.definition) if isinstance(each, AttentiveMaps))
    about = AboutImages(findings, row, task.split)
    for place, image in enumerate(images):
        place_in_split, target, predicted = (
            int(tensors[f"gallery/{name}"][place]) for name in ("rows", "targets", "predicted")
        )
        yield Slide(
            target=image.target,
            predicted=image.predicted,
            said=said(image.is_right),
            width=image.pixels.shape[1],
            height=image.pixels.shape[0],
            uri=picture_uri(image.pixels),
            views=tuple(_views(image, colours)),
            facts=about.facts(place_in_split, target, predicted),
        )


def _views(image: Attentive, colours: Mapping[int, str]) -> Iterator[View]:
    yield View(name="Largest response", uri=picture_uri(heat_colours(image.dominant), SIDE), is_dimmed=True)
    uri = picture_uri(winner_colours(image, colours), SIDE)
    yield View(name="Unit that gives it", uri=uri, is_dimmed=True, key=_key(image, colours))
    for unit, activation, heat in zip(image.units, image.activations, image.individual, strict=False):
        yield View(
            name=f"Unit {unit}",
            uri=picture_uri(heat_colours(heat), UNIT_SIDE),
            caption=f"unit {unit}",
            is_dimmed=True,
            facts=(("Activation", f"{activation:.3g}"),),
        )


def _key(image: Attentive, colours: Mapping[int, str]) -> Facts:
    wins = image.wins
    key = [(f"unit {unit}", colours[unit]) for unit, _ in wins.most_common() if unit in colours]
    return (*key, ("others", OTHERS)) if len(wins) > len(key) else tuple(key)
