"""Grids of members' maps as PNG files on white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.figures.canvas import INK, new_figure, plain, png_bytes
from orchestrator.figures.members import (
    aggregations_shape,
    draw_aggregations,
    draw_members,
    draw_rotation,
    members_shape,
)
from orchestrator.figures.mosaic import mosaic_size
from orchestrator.figures.regions import draw_regions, regions_size


def maps_picture(part: str, tensors: Mapping[str, Any], classes: Sequence[str], title: str) -> bytes:
    """One picture of a result of `MemberMaps` or `EnsembleMaps`.

    Args:
        part: `members`, `aggregations`, `regions`, `rotated`, or `angles`.
        tensors: arrays of the result.
        classes: names in the order of the probabilities.
        title: above all.

    Raises:
        ValueError: there is no such part.
    """
    match part:
        case "members":
            figure = new_figure(*mosaic_size(*members_shape(tensors)))
            draw_members(figure, tensors, classes)
        case "aggregations":
            figure = new_figure(*mosaic_size(*aggregations_shape(tensors)))
            draw_aggregations(figure, tensors, classes)
        case "regions":
            figure = new_figure(*regions_size(tensors))
            draw_regions(figure, tensors)
        case "rotated":
            figure = new_figure(*mosaic_size(*members_shape(tensors, "rotated")))
            draw_members(figure, tensors, classes, "rotated")
        case "angles":
            figure = new_figure(4.8, 3.3)
            draw_rotation(figure, tensors, plain(title))
            return png_bytes(figure)
        case _:
            raise ValueError(
                f"maps_picture() knows members, aggregations, regions, rotated and angles, and got {part!r}."
            )
    degrees = f", rotated by {int(tensors['rotated/degrees'])} degrees" if part == "rotated" else ""
    figure.suptitle(plain(title) + degrees, fontsize=11, color=INK)
    return png_bytes(figure)
