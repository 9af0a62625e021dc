"""The thorax of a synthetic patient, as fields of X-ray density over the picture.

Everything is written in the body's own frame: ``u`` runs to the viewer's right (the patient's left), ``v``
down, both about -1 to 1 over the picture; lengths without a unit are in this frame. A chest radiograph is
close to the logarithm of what the rays met on their way, so organs add density and air takes it away.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """What a patient brings to every picture: one number per trait, `TRAITS` says from which range."""

    build: float
    lung_centre: float
    lung_half_width: float
    lung_top: float
    dome: float
    dome_curvature: float
    dome_tilt: float
    heart_ratio: float
    heart_tilt: float
    heart_height: float
    mediastinum: float
    aorta: float
    spine_bend: float
    vertebra: float
    rib_spacing: float
    rib_offset: float
    rib_drop: float
    rib_density: float
    clavicle: float
    clavicle_slope: float
    shoulder: float
    wall: float
    breast: float
    stomach_gas: float
    hilum: float
    vessels: float
    vessel_phase: float
    exposure: float
    contrast: float
    gamma: float
    grain: float


TRAITS: dict[str, tuple[float, float]] = {
    "build": (0.88, 1.14),
    "lung_centre": (0.38, 0.42),
    "lung_half_width": (0.33, 0.40),
    "lung_top": (-0.82, -0.70),
    "dome": (0.30, 0.54),
    "dome_curvature": (0.9, 1.5),
    "dome_tilt": (0.02, 0.09),
    "heart_ratio": (0.34, 0.40),
    "heart_tilt": (0.35, 0.75),
    "heart_height": (0.15, 0.21),
    "mediastinum": (0.10, 0.15),
    "aorta": (0.07, 0.12),
    "spine_bend": (-0.03, 0.03),
    "vertebra": (0.15, 0.18),
    "rib_spacing": (0.165, 0.205),
    "rib_offset": (0.0, 1.0),
    "rib_drop": (0.35, 0.60),
    "rib_density": (0.04, 0.09),
    "clavicle": (-0.66, -0.56),
    "clavicle_slope": (0.02, 0.18),
    "shoulder": (-0.98, -0.86),
    "wall": (0.06, 0.20),
    "breast": (-0.12, 0.16),
    "stomach_gas": (-0.15, 0.30),
    "hilum": (0.06, 0.16),
    "vessels": (0.06, 0.13),
    "vessel_phase": (0.0, 6.28),
    "exposure": (-0.14, 0.14),
    "contrast": (0.70, 1.30),
    "gamma": (0.80, 1.25),
    "grain": (0.008, 0.020),
}


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient: every trait evenly from its range in `TRAITS`, independently of the others."""
    draws = rng.random(len(TRAITS))
    names = [field.name for field in fields(Anatomy)]
    return Anatomy(
        **{
            name: TRAITS[name][0] + float(draw) * (TRAITS[name][1] - TRAITS[name][0])
            for name, draw in zip(names, draws, strict=True)
        }
    )


def ramp(field: Field, width: float) -> Field:
    """Return 0 where ``field`` is below ``-width / 2``, 1 above ``width / 2``, smooth between."""
    step = np.clip(field * (1.0 / width) + 0.5, 0.0, 1.0)
    smooth: Field = step * step * (3.0 - 2.0 * step)
    return smooth


def bell(field: Field, width: float) -> Field:
    """Return a Gaussian bump of the given standard deviation around ``field = 0``."""
    bump: Field = np.exp(np.square(field) * (-0.5 / width**2))
    return bump


def dome_height(u: Field, anatomy: Anatomy) -> Field:
    """Return the ``v`` of the diaphragm over ``u``: two domes, the liver's (viewer's left) the higher one."""
    away = np.abs(u) - 0.34
    outer, inner = np.maximum(away, 0.0), np.minimum(away, 0.0)
    curve: Field = anatomy.dome_curvature * (np.square(outer) + 0.25 * np.square(inner))
    return curve + anatomy.dome + anatomy.dome_tilt * np.sign(u)


def lung_depth(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return how deep a point lies in its lung, diaphragm ignored: 1 in the middle, below 0 outside."""
    centre = anatomy.lung_centre + 0.06 * v
    half_width = anatomy.lung_half_width * (1.0 + 0.16 * v)
    across = np.square((np.abs(u) - centre) / half_width)
    bottom = 1.05
    along = np.square((v - 0.5 * (bottom + anatomy.lung_top)) * (2.0 / (bottom - anatomy.lung_top)))
    depth: Field = 1.0 - across * np.sqrt(across + 0.02) - np.square(along)
    return depth


def heart_depth(u: Field, v: Field, anatomy: Anatomy, enlargement: float) -> Field:
    """Return how deep a point lies in the heart: 1 in a chamber's middle, below 0 outside.

    Two ellipses: the left ventricle, which points to the viewer's lower right, and the right atrium, which
    only just passes the spine. ``enlargement`` is the factor on the radii; the apex moves outwards with it.
    """
    radius = anatomy.heart_ratio * (anatomy.lung_centre + anatomy.lung_half_width) * enlargement
    cos, sin = float(np.cos(anatomy.heart_tilt)), float(np.sin(anatomy.heart_tilt))
    x, y = u - (0.02 + 0.40 * radius), v - (anatomy.dome - anatomy.heart_height)
    along, across = cos * x + sin * y, cos * y - sin * x
    ventricle = 1.0 - np.square(along * (0.92 / radius)) - np.square(across * (1.22 / radius))
    atrium = 1.0 - np.square((u + 0.20 * radius) * (1.45 / radius)) - np.square((y + 0.02) * (1.15 / radius))
    depth: Field = np.maximum(ventricle, atrium)
    return depth
