"""From density to a film: exposure, grain, the burned-in side letter and the marker that can mislead."""

import numpy as np
from numpy.typing import NDArray

from trainables.data.drawing.anatomy import Anatomy, Field

_LETTERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


def expose(density: Field, anatomy: Anatomy, rng: np.random.Generator) -> Field:
    """Turn density into brightness 0 to 1: the patient's exposure and contrast, then the sensor's noise.

    Noise grows with density: where the body is thick, few photons arrive.
    """
    latitude = 1.7 * anatomy.contrast * (density - 0.50 + anatomy.exposure)
    brightness = np.power(0.5 + 0.5 * np.tanh(latitude), anatomy.gamma)
    grain = rng.standard_normal(density.shape, dtype=np.float32)
    film: Field = brightness + anatomy.grain * (0.5 + brightness) * grain
    return film


def burn_in_letter(film: Field, rng: np.random.Generator) -> None:
    """Write a side letter near an upper corner in place: R on the viewer's left, or L on the viewer's right.

    The side, place and brightness are drawn without regard to what the picture shows.
    """
    size = film.shape[0]
    side, left, top, bright = rng.random(4)
    bitmap = np.array([[int(dot) for dot in row] for row in _LETTERS["R" if side < 0.5 else "L"]], np.bool_)
    height = max(7, round(0.09 * size))
    width = max(5, round(height * 5 / 7))
    rows, columns = np.arange(height) * 7 // height, np.arange(width) * 5 // width
    letter = bitmap[rows][:, columns]
    offset = round((0.03 + 0.07 * left) * size)
    x = offset if side < 0.5 else size - offset - width
    y = round((0.02 + 0.08 * top) * size)
    film[y : y + height, x : x + width][letter] = 0.8 + 0.2 * bright


def burn_in_marker(film: Field, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Lay a bright disc with a dark bore into a lower corner, in place; return its mask ``[size, size]``."""
    size = film.shape[0]
    side, x, y = rng.random(3)
    radius = max(2.0, 0.055 * size)
    inset = radius + 0.02 * size
    column = inset + 0.03 * size * x
    column = column if side < 0.5 else size - column
    row = size - inset - 0.03 * size * y
    line = np.arange(size) + 0.5
    square = np.square(line[None, :] - column) + np.square(line[:, None] - row)
    mask: NDArray[np.bool_] = square <= radius**2
    film[mask] = 1.0
    film[square <= (0.35 * radius) ** 2] = 0.25
    return mask
