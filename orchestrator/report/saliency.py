"""Explained radiographs as layers that a page shows sharp at any size: image, map, outline of the true lesion."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.figures.saliency import Explained, explained_images, heat_colours, outlines
from orchestrator.report.findings import Findings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_SIDE = 320


@dataclass(frozen=True, kw_only=True)
class SaliencyTile:
    """One explained image.

    Attributes:
        target, predicted: names of the classes.
        is_right: whether they are the same.
        width, height: of the picture, in its own pixels.
        image, heat: PNG files as data URIs.
        outline: SVG path around the true lesion; empty where it is not known, or there is none.
    """

    target: str
    predicted: str
    is_right: bool
    width: int
    height: int
    image: str
    heat: str
    outline: str


def saliency_tiles(findings: Findings, task: str) -> list[SaliencyTile]:
    """The gallery of an AOPC task, of the best network; of another one as long as that has none."""
    for row in findings.networks:
        tensors = findings.tensors(row.results.get(task))
        images = list(explained_images(tensors, findings.classes(row.key)))
        if images:
            return [_tile(image) for image in images]
    return []


def _tile(image: Explained) -> SaliencyTile:
    height, width = image.pixels.shape
    lines = outlines(image.mask) if image.mask is not None else []
    return SaliencyTile(
        target=image.target,
        predicted=image.predicted,
        is_right=image.is_right,
        width=width,
        height=height,
        image=data_uri(image.pixels),
        heat=data_uri(heat_colours(image.heat)),
        outline=" ".join(_path(line) for line in lines),
    )


def _path(line: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) + "Z"


def data_uri(pixels: NDArray[Any], largest_side: int = LARGEST_SIDE) -> str:
    """Grey or coloured pixels as a PNG file for a page; a larger picture is reduced to that side."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((largest_side, largest_side))
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
