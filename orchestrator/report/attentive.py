"""Attentive response maps as the report shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.figures.attentive import (
    OTHERS,
    Attentive,
    attentive_images,
    dimmed,
    unit_colours,
    winner_colours,
)
from orchestrator.figures.saliency import heat_colours
from orchestrator.report.findings import Findings
from orchestrator.report.saliency import data_uri

SIDE, UNIT_SIDE = 288, 144
TASK = "attentive"


def attentive_tiles(findings: Findings) -> dict[str, Any]:
    """The images of the best network, or of another one as long as that has none; empty where no network has any."""
    for row in findings.networks:
        images = list(attentive_images(findings.tensors(row.results.get(TASK)), findings.classes(row.key)))
        if images:
            colours = unit_colours(images)
            return {
                "name": row.name,
                "units": len(images[0].units),
                "shown": len(images[0].individual),
                "tiles": [_tile(image, colours) for image in images],
            }
    return {}


def _tile(image: Attentive, colours: Mapping[int, str]) -> dict[str, Any]:
    wins, ground = image.wins, dimmed(image.pixels)
    key = [{"name": f"unit {unit}", "colour": colours[unit]} for unit, _ in wins.most_common() if unit in colours]
    if len(wins) > len(key):
        key.append({"name": "others", "colour": OTHERS})
    return {
        "target": image.target,
        "predicted": image.predicted,
        "is_right": image.is_right,
        "uris": [
            data_uri(image.pixels, SIDE),
            data_uri(_over(ground, heat_colours(image.dominant)), SIDE),
            data_uri(_over(ground, winner_colours(image, colours)), SIDE),
        ],
        "key": key,
        "individual": [
            {"name": f"unit {unit}", "uri": data_uri(_over(ground, heat_colours(heat)), UNIT_SIDE)}
            for unit, heat in zip(image.units, image.individual, strict=False)
        ],
    }


def _over(ground: Any, colours: Any) -> Any:
    """Colours [height, width, 4] over grey values, as [height, width, 3]."""
    import numpy as np

    share = colours[..., 3:].astype(float) / 255
    return np.round((1 - share) * ground[..., None] + share * colours[..., :3]).astype(np.uint8)
