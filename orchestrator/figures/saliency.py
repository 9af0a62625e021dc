"""Saliency maps over radiographs, with the outline of the true lesion where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.figures.canvas import BAD, GOOD, new_figure, plain

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

OUTLINE = "#37e0b0"
STRONGEST = 0.72  # opacity of the map where it is highest: the radiograph stays visible below


@dataclass(frozen=True, kw_only=True)
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


def explained_images(tensors: Mapping[str, Tensor], classes: Sequence[str]) -> Iterator[Explained]:
    """The gallery of an AOPC result, image by image."""
    masks = tensors.get("gallery/masks")
    for row, pixels in enumerate(tensors.get("gallery/pixels", ())):
        heat = tensors["gallery/maps"][row].double().clamp_min(0)
        yield Explained(
            pixels=pixels.numpy(),
            heat=(heat / heat.max().clamp_min(1e-12)).numpy(),
            mask=None if masks is None else masks[row].bool().numpy(),
            target=classes[int(tensors["gallery/targets"][row])],
            predicted=classes[int(tensors["gallery/predicted"][row])],
        )


def heat_colours(heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A map as colours that are clear where it is low, [height, width, 4] uint8."""
    import matplotlib
    import numpy as np

    colours = matplotlib.colormaps["inferno"](0.25 + 0.7 * heat)
    colours[..., 3] = STRONGEST * np.clip(heat * 1.6, 0, 1)
    return np.round(colours * 255).astype(np.uint8)


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed lines around a mask, each [points, 2] as (x, y) in pixels from the upper left corner of the image."""
    import numpy as np
    from contourpy import contour_generator

    padded = np.pad(mask.astype(float), 1)  # a lesion at the border has a closed line too
    lines: Any = contour_generator(z=padded).lines(0.5)
    return [np.asarray(line) - 0.5 for line in lines]


def saliency_figure(images: Sequence[Explained]) -> Figure:
    """A picture of all: radiographs above, maps with the outline of the true lesion below."""
    figure = new_figure(1.9 * max(1, len(images)), 4.2)
    grid = figure.subplots(2, max(1, len(images)), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for (above, below), image in zip(grid.T, images, strict=False):
        extent = (0, image.pixels.shape[1], image.pixels.shape[0], 0)
        for axes in (above, below):
            axes.imshow(image.pixels, cmap="gray", vmin=0, vmax=255, extent=extent)
        below.imshow(heat_colours(image.heat), extent=extent)
        for line in outlines(image.mask) if image.mask is not None else []:
            below.plot(*line.T, color=OUTLINE, linewidth=1.4)
        title = f"{image.target}\n→ {image.predicted}"
        above.set_title(plain(title), fontsize=9, color=GOOD if image.is_right else BAD)
    return figure
