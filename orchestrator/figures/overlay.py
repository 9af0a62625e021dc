"""A map laid over a radiograph, as pixels: evenly, at one opacity everywhere, or clear where the map is low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import INK, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALPHAS = (0.25, 0.5, 0.75)
"""Opacities of the map over the radiograph (paper P3, Fig. 7)."""

EVEN = "turbo"
"""Colours of an even overlay: of the rainbow's order, which radiologists know, and even in lightness on both sides."""


def even_colours(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A map from 0 to 1 as opaque colours, [height, width, 3] uint8."""
    import matplotlib

    colours = matplotlib.colormaps[EVEN](np.asarray(heat, dtype=float))
    opaque: NDArray[np.uint8] = np.round(colours[..., :3] * 255).astype(np.uint8)
    return opaque


def blended(pixels: NDArray[np.uint8], heat: NDArray[np.floating], alpha: float) -> NDArray[np.uint8]:
    """`(1 - alpha) * radiograph + alpha * colours of the map`, [height, width, 3] uint8.

    Raises:
        ValueError: an opacity outside of [0, 1].
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"blended() got the opacity {alpha}; it is a share from 0 to 1.")
    grey = pixels[..., None].astype(float)
    return np.round((1 - alpha) * grey + alpha * even_colours(heat)).astype(np.uint8)


def show_pixels(
    axes: Axes, pixels: NDArray[np.uint8], title: str = "", *, colour: str = INK, size: float = 9.5
) -> None:
    """A grey or coloured picture with a line or two above it, and no frame."""
    axes.set_axis_off()
    if pixels.ndim == 2:
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    else:
        axes.imshow(pixels)
    if title:
        axes.set_title(plain(title), fontsize=size, color=colour, loc="left")
