"""Saliency maps over radiographs, with the outline of the true lesion where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import BAD, GOOD, plain

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

OUTLINE = "#37e0b0"
STRONGEST = 0.75  # opacity of the map where it is highest: the radiograph stays visible below


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """An explained image.

    Attributes:
        pixels: [height, width] uint8.
        heat: [height, width] from 0 to 1, the map divided by its maximum.
        mask: [height, width], the true lesion; None where it is not known.
        target, predicted: names of the classes.
    """

    pixels: NDArray[np.uint8]
    heat: NDArray[np.float64]
    mask: NDArray[np.bool_] | None
    target: str
    predicted: str

    @property
    def is_right(self) -> bool:
        """Whether the true class was predicted."""
        return self.target == self.predicted


def explained_images(tensors: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Explained]:
    """The gallery of an AOPC result (`gallery/pixels`, `/maps`, `/targets`, `/predicted`, `/masks`), image by image."""
    masks = tensors.get("gallery/masks")
    for row, pixels in enumerate(tensors.get("gallery/pixels", ())):
        heat = np.maximum(np.asarray(tensors["gallery/maps"][row], dtype=float), 0)
        yield Explained(
            pixels=np.asarray(pixels),
            heat=heat / max(float(heat.max()), 1e-12),
            mask=None if masks is None else np.asarray(masks[row], dtype=bool),
            target=classes[int(tensors["gallery/targets"][row])],
            predicted=classes[int(tensors["gallery/predicted"][row])],
        )


def heat_colours(heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A map as colours that are clear where it is low, [height, width, 4] uint8."""
    import matplotlib

    colours = matplotlib.colormaps["inferno"](0.3 + 0.65 * heat)
    colours[..., 3] = STRONGEST * heat**0.8
    return np.round(colours * 255).astype(np.uint8)


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed lines around a mask, each [points, 2] as (x, y) in pixels from the upper left corner of the image."""
    from contourpy import contour_generator

    padded = np.pad(mask.astype(float), 1)  # a lesion at the border has a closed line too
    lines: Any = contour_generator(z=padded).lines(0.5)
    return [np.asarray(line) - 0.5 for line in lines]


def draw_saliency(figure: FigureBase, image: Explained) -> None:
    """The radiograph beside its map, both with the outline of the true lesion; a wrong prediction is titled in red."""
    extent = (0, image.pixels.shape[1], image.pixels.shape[0], 0)
    panels = figure.subplots(1, 2)
    for axes in panels:
        axes.set_axis_off()
        axes.imshow(image.pixels, cmap="gray", vmin=0, vmax=255, extent=extent)
    panels[1].imshow(heat_colours(image.heat), extent=extent)
    for line in outlines(image.mask) if image.mask is not None else []:
        for axes in panels:
            axes.plot(*line.T, color=OUTLINE, linewidth=1.4)
    title = f"{image.target} → {image.predicted}"
    panels[0].set_title(plain(title), fontsize=9.5, loc="left", color=GOOD if image.is_right else BAD)
