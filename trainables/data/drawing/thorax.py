"""Soft tissue, lungs and bones of a synthetic patient, laid over each other (see `anatomy`)."""

import numpy as np

from trainables.data.drawing.anatomy import Anatomy, Field, bell, ramp


def draw_body(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return the density of the trunk without lungs and bones: thick in the middle, air beside the neck."""
    side = np.abs(u)
    rim = anatomy.lung_centre + anatomy.lung_half_width + anatomy.wall
    half_width = rim + 0.10 + 0.5 * ramp(-0.32 - v, 0.5)
    thickness = np.sqrt(np.clip(1.0 - np.square(side / half_width), 0.0, 1.0))
    shoulder_line = anatomy.shoulder + 0.42 * np.square(np.clip(side - 0.22, 0.0, 2.0))
    body = (0.30 + 0.42 * thickness) * ramp(thickness - 0.1, 0.2) * ramp(v - shoulder_line, 0.16)
    breast = 1.0 - np.square((side - 0.50) / 0.34) - np.square((v - 0.26) / 0.30)
    whole: Field = body + max(anatomy.breast, 0.0) * np.sqrt(np.clip(breast, 0.0, 1.0))
    return whole


def draw_mediastinum(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return the density between the lungs: great vessels, aortic knob, the dark windpipe and its fork."""
    side = np.abs(u)
    band = ramp(anatomy.mediastinum + 0.03 * np.square(v) - side, 0.09)
    knob = ramp(1.0 - (np.square(u - 0.11) + np.square(v + 0.34)) / anatomy.aorta**2, 0.7)
    fork = np.clip(v + 0.26, 0.0, 0.3) * 0.9
    windpipe = bell(side - fork, 0.032) * ramp(-0.14 - v, 0.2)
    vessels: Field = 0.20 * np.maximum(band, knob) - 0.15 * windpipe
    return vessels


def draw_spine(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return the density of the vertebrae, with their discs and pedicles."""
    x = u - anatomy.spine_bend * np.sin(2.5 * v)
    column = ramp(0.078 - np.abs(x), 0.04)
    beat = np.cos(v * (2.0 * np.pi / anatomy.vertebra))
    pedicles = bell(np.abs(x) - 0.048, 0.014) * np.clip(beat, 0.0, 1.0)
    spine: Field = column * (0.085 + 0.045 * ramp(beat + 0.55, 0.5)) + 0.07 * pedicles
    return spine


def draw_ribs(u: Field, v: Field, depth: Field, above: Field, anatomy: Anatomy) -> Field:
    """Return the density of the rib cage: steep arcs from the spine behind, fainter ones in front.

    All ribs of a kind are one periodic function of a bent height, so that their number costs nothing.
    """
    rim = anatomy.lung_centre + anatomy.lung_half_width
    s = np.abs(u) * (1.0 / rim)
    s2 = s * s
    behind = (v + 0.16 * s - anatomy.rib_drop * s2 * s) / anatomy.rib_spacing
    before = (v + 0.62 * s - 0.16 * s2) / (1.12 * anatomy.rib_spacing)
    wave = np.cos(2.0 * np.pi * (behind + anatomy.rib_offset))
    front = np.cos(2.0 * np.pi * (before + 1.7 * anatomy.rib_offset))
    cage = ramp(depth + 0.10, 0.35) * ramp(s - 0.10, 0.12) * (0.3 + 0.7 * above)
    back = ramp(wave - 0.35, 0.6) + 0.45 * bell(wave - 0.40, 0.22)
    fore = (ramp(front - 0.25, 0.8) + 0.3 * bell(front - 0.3, 0.22)) * ramp(s - 0.52, 0.4)
    ribs: Field = anatomy.rib_density * cage * (back * (0.75 + 0.45 * s2) + 0.55 * fore)
    return ribs


def draw_shoulders(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return the density of collar bones, shoulder blades and the heads of the upper arms."""
    side = np.abs(u)
    height = anatomy.clavicle - anatomy.clavicle_slope * side - 0.05 * np.sin(7.0 * side - 1.2)
    away = np.abs(v - height)
    extent = ramp(side - 0.10, 0.06) * ramp(0.80 - side, 0.10)
    clavicle = (ramp(0.036 - away, 0.03) + 0.4 * bell(away - 0.028, 0.010)) * extent
    blade_edge = side - (0.66 + 0.10 * (v + 0.6))
    blade = ramp(blade_edge, 0.03) * ramp(0.30 - blade_edge, 0.3) * ramp(0.10 - v, 0.2) * ramp(v + 0.62, 0.1)
    arm = ramp(0.022 - np.square(side - 1.0) - np.square(v + 0.60), 0.012)
    return 0.14 * clavicle + 0.045 * blade + 0.13 * arm


def draw_vessels(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return the density of the hila and of the vessels that fan out of them into the lungs."""
    x, y = np.abs(u) - 0.19, v + 0.03 + 0.04 * np.sign(u)
    distance = np.sqrt(np.square(x) + np.square(y))
    bend = anatomy.vessel_phase + 2.0 * np.sign(u)
    angle = np.arctan2(y, x) + 0.16 * np.sin(9.0 * distance + bend)
    fan = np.sin(7.0 * angle + bend) + 0.8 * np.sin(17.0 * angle - 5.0 * distance + 2.0 * bend)
    branches = np.square(np.clip(fan, 0.0, 2.0)) * np.exp(-3.5 * distance) * ramp(distance - 0.03, 0.1)
    vessels: Field = anatomy.vessels * branches + anatomy.hilum * bell(distance, 0.085)
    return vessels


def draw_belly(u: Field, v: Field, dome: Field, anatomy: Anatomy) -> Field:
    """Return the density below the diaphragm, with the stomach's gas on the viewer's right."""
    bubble = 1.0 - np.square((u - 0.40) / 0.17) - np.square((v - anatomy.dome - 0.24) / 0.10)
    return 0.10 * ramp(v - dome - 0.1, 0.5) - max(anatomy.stomach_gas, 0.0) * ramp(bubble, 0.8)
