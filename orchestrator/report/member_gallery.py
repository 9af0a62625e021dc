"""Radiographs under the maps of several members, as the report shows them (paper P1, Figures 2 to 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.members import AGGREGATED, aggregation_ways, way_label
from orchestrator.figures.saliency import heat_colours
from orchestrator.report.gallery import Facts, Gallery, Said, Slide, View, outline, picture_uri, resized, said
from orchestrator.report.pictures import Studio

Arrays = Mapping[str, NDArray[Any]]
SIDE = 224
NOT_SCORED = ("AOPC", "means over the images are in the table; it is not stored image by image")
SPREAD = {"deviation": 0.5, "agreement": 1.0}
"""What the strongest colour stands for: the largest deviation of values from 0 to 1, and all members."""


def members_gallery(
    studio: Studio, arrays: Arrays, classes: Sequence[str], title: str, prefix: str = "shown"
) -> Gallery:
    """An image a slide; its views are the members, and all of them together.

    Args:
        studio: names it.
        arrays: of a result with `<prefix>/pixels` and so on (see `trainables.posthoc.map_pictures`).
        classes: names in the order of the probabilities.
        title: of the viewer.
        prefix: `shown`, or `rotated` for the images that were rotated.
    """
    slides = []
    for row in range(len(arrays[f"{prefix}/pixels"])):
        views = tuple(_member_views(arrays, classes, prefix, row))
        slides.append(_slide(arrays, classes, prefix, row, views))
    return Gallery(
        name=studio.gallery(), title=title, slides=tuple(slides), note="right or wrong by all members together"
    )


def ways_gallery(studio: Studio, arrays: Arrays, classes: Sequence[str], title: str) -> Gallery:
    """An image a slide; its views are the ways to aggregate, and where the members differ."""
    slides = []
    for row in range(len(arrays["shown/pixels"])):
        maps: list[tuple[str, NDArray[Any], float | None]] = [
            (way_label(way), arrays[AGGREGATED + way][row], None) for way in aggregation_ways(arrays)
        ]
        maps += [(name, arrays[f"shown/{name}"][row], largest) for name, largest in SPREAD.items()]
        views = tuple(
            View(name=name, uri=_heat(heat, arrays["shown/pixels"][row].shape, largest), caption=name)
            for name, heat, largest in maps
        )
        slides.append(_slide(arrays, classes, "shown", row, views))
    return Gallery(
        name=studio.gallery(), title=title, slides=tuple(slides), note="right or wrong by all members together"
    )


def _member_views(arrays: Arrays, classes: Sequence[str], prefix: str, row: int) -> Iterator[View]:
    shape, target = arrays[f"{prefix}/pixels"][row].shape, int(arrays["shown/targets"][row])
    maps, probabilities = arrays[f"{prefix}/maps"][:, row], arrays[f"{prefix}/probabilities"][:, row]
    for number, (heat, each) in enumerate(zip(maps, probabilities, strict=True), start=1):
        best = int(each.argmax())
        yield View(
            name=f"Member {number}",
            uri=_heat(heat, shape),
            caption=f"{each[best]:.2f} {classes[best]}",
            said=_said(best, target),
            facts=(("This member predicts", classes[best]), ("Its probability", f"{each[best]:.3f}")),
        )
    pooled = arrays[f"{prefix}/pooled"][row]
    best = int(pooled.argmax())
    yield View(
        name="All members",
        uri=_heat(arrays[f"{prefix}/aggregated/mean"][row], shape),
        caption=f"all: {pooled[best]:.2f} {classes[best]}",
        said=_said(best, target),
    )


def _slide(arrays: Arrays, classes: Sequence[str], prefix: str, row: int, views: tuple[View, ...]) -> Slide:
    pixels, target, pooled = arrays[f"{prefix}/pixels"][row], int(arrays["shown/targets"][row]), arrays["shown/pooled"]
    if prefix != "shown":
        pooled = arrays[f"{prefix}/pooled"]
    best = int(pooled[row].argmax())
    truth = classes[target] if target >= 0 else "no label"
    masks = arrays.get("shown/masks") if prefix == "shown" else None
    return Slide(
        target=truth,
        predicted=classes[best],
        said=_said(best, target),
        width=pixels.shape[1],
        height=pixels.shape[0],
        uri=picture_uri(pixels),
        views=views,
        lines=outline("lesion", None if masks is None else masks[row].astype(bool)),
        facts=_facts(truth, classes[best], float(pooled[row][best])),
    )


def _facts(truth: str, predicted: str, probability: float) -> Facts:
    return (
        ("True class", truth),
        ("All members predict", predicted),
        ("Probability", f"{probability:.3f}"),
        NOT_SCORED,
    )


def _said(best: int, target: int) -> Said:
    return said(best == target) if target >= 0 else ""


def _heat(heat: NDArray[Any], shape: tuple[int, ...], largest: float | None = None) -> str:
    """A map [rows, columns] as colours at a resolution at which a browser need not smooth it."""
    scale = SIDE / max(shape)
    enlarged = resized(heat, max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))
    share = np.clip(enlarged / (largest or max(float(enlarged.max()), 1e-9)), 0, 1)
    return picture_uri(heat_colours(share))
