"""What a radiograph can show (a focal lesion, fluid, an enlarged heart), laid over the thorax."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.drawing.anatomy import Anatomy, Field, dome_height, heart_depth, lung_depth, ramp
from trainables.data.drawing.thorax import (
    draw_belly,
    draw_body,
    draw_mediastinum,
    draw_ribs,
    draw_shoulders,
    draw_spine,
    draw_vessels,
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What differs between two pictures of one patient: how they stood, and how a finding would look."""

    shift: tuple[float, float]
    rotation: float
    zoom: float
    breath: float
    lesion_centre: tuple[float, float]
    lesion_radius: float
    lesion_stretch: float
    lesion_turn: float
    lesion_density: float
    fluid_side: int
    fluid_height: float
    fluid_slope: float
    fluid_density: float
    enlargement: float


def draw_visit(rng: np.random.Generator, anatomy: Anatomy) -> Visit:
    """Draw a visit; every finding gets its look, shown or not, so that showing one moves nothing else."""
    spread = rng.uniform(-1.0, 1.0, 5)
    draw = rng.uniform(0.0, 1.0, 9)
    breath = 0.05 * float(spread[4])
    return Visit(
        shift=(0.14 * float(spread[0]), 0.13 * float(spread[1])),
        rotation=0.11 * float(spread[2]),
        zoom=anatomy.build * (1.0 + 0.08 * float(spread[3])),
        breath=breath,
        lesion_centre=_lesion_centre(rng, anatomy, breath),
        lesion_radius=0.12 + 0.08 * float(draw[0]),
        lesion_stretch=0.75 + 0.55 * float(draw[1]),
        lesion_turn=6.28 * float(draw[2]),
        lesion_density=0.38 + 0.20 * float(draw[3]),
        fluid_side=1 if draw[4] < 0.5 else -1,
        fluid_height=0.12 + 0.24 * float(draw[5]),
        fluid_slope=0.3 + 0.7 * float(draw[6]),
        fluid_density=0.75 + 0.25 * float(draw[7]),
        enlargement=1.18 + 0.20 * float(draw[8]),
    )


def _lesion_centre(rng: np.random.Generator, anatomy: Anatomy, breath: float) -> tuple[float, float]:
    """Return a point well inside a lung, above the diaphragm and beside the heart."""
    u = rng.uniform(0.15, 0.75, 24) * rng.choice((-1.0, 1.0), 24)
    v = rng.uniform(anatomy.lung_top, anatomy.dome + 0.1, 24)
    inside = (lung_depth(u, v, anatomy) > 0.35) & (heart_depth(u, v, anatomy, 1.0) < -0.3)
    inside &= v < dome_height(u, anatomy) + breath - 0.08
    first = int(np.argmax(inside))
    return (float(u[first]), float(v[first])) if inside[first] else (anatomy.lung_centre, -0.2)


def body_frame(size: int, visit: Visit) -> tuple[Field, Field]:
    """Return ``u`` and ``v`` of every pixel, each ``[size, size]``: shifted, turned, zoomed by the pose."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0) * np.float32(visit.zoom)
    x, y = line[None, :] - visit.shift[0], line[:, None] - visit.shift[1]
    cos, sin = float(np.cos(visit.rotation)), float(np.sin(visit.rotation))
    return cos * x - sin * y, sin * x + cos * y


def draw_thorax(
    size: int, anatomy: Anatomy, visit: Visit, findings: tuple[bool, bool, bool]
) -> tuple[Field, NDArray[np.bool_]]:
    """Lay the organs and the findings over each other.

    Args:
        size: Pixels along a side.
        anatomy: The patient.
        visit: Pose and, for each finding, how it looks if it is there.
        findings: Whether opacity, effusion and enlarged heart are there.

    Returns:
        The density ``[size, size]``, about 0 (air) to 1, and the masks ``[3, size, size]`` of the findings.
    """
    opacity, effusion, enlarged = findings
    u, v = body_frame(size, visit)
    depth = lung_depth(u, v, anatomy)
    dome = dome_height(u, anatomy) + visit.breath
    above = ramp(dome - v, 0.05)
    masks = np.zeros((3, size, size), np.bool_)
    air = np.sqrt(np.clip(depth, 0.0, 1.0)) * above
    heart = heart_depth(u, v, anatomy, visit.enlargement if enlarged else 1.0)
    air *= 1.0 - 0.75 * ramp(heart - 0.05, 0.35)
    density = draw_body(u, v, anatomy) + 0.17 * np.sqrt(np.clip(heart, 0.0, 1.0))
    density += draw_vessels(u, v, anatomy) * air
    if effusion:
        fluid = _fluid(u, v, anatomy, visit)
        masks[1] = (fluid > 0.5) & (depth > 0.02) & (dome > v) & (heart < 0.05)
        air *= 1.0 - visit.fluid_density * fluid
    density += draw_mediastinum(u, v, anatomy) - 0.50 * air
    density += draw_ribs(u, v, depth, above, anatomy) + draw_spine(u, v, anatomy) + draw_shoulders(u, v, anatomy)
    density += draw_belly(u, v, dome, anatomy)
    if opacity:
        lesion = _lesion(u, v, visit) * ramp(depth + 0.05, 0.25)
        masks[0] = lesion > 0.3
        density += visit.lesion_density * lesion
    if enlarged:
        masks[2] = heart > 0.0
    return density, masks


def _fluid(u: Field, v: Field, anatomy: Anatomy, visit: Visit) -> Field:
    """Return where fluid stands in one side of the chest; like a meniscus it climbs along the outer wall."""
    x = u * visit.fluid_side
    corner = anatomy.dome + visit.breath + 0.14
    outwards = np.clip(x - 0.35, 0.0, 1.0)
    surface = corner - visit.fluid_height - visit.fluid_slope * np.square(outwards)
    return ramp(v - surface, 0.08) * ramp(x - 0.05, 0.05)


def _lesion(u: Field, v: Field, visit: Visit) -> Field:
    """Return a ragged blob, 1 in its middle and falling off softly."""
    x, y = (
        (u - visit.lesion_centre[0]) / visit.lesion_radius,
        (v - visit.lesion_centre[1]) / visit.lesion_radius,
    )
    x = x * visit.lesion_stretch + 0.22 * np.sin(2.3 * y + visit.lesion_turn)
    y = y / visit.lesion_stretch + 0.22 * np.sin(2.7 * x - visit.lesion_turn)
    square = np.square(x) + np.square(y)
    blob: Field = np.exp(-0.5 * np.square(square) - 0.3 * square)
    return blob
