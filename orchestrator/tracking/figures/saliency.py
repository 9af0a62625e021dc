"""Saliency maps over the radiographs, beside the outline of what made the class where that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.tracking.figures.canvas import GREEN, RED, dress, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4


def saliency_grid(tensors: Mapping[str, Any], classes: Sequence[str], title: str = "", images: int = 8) -> bytes:
    """Each image beside itself under its map; the true mask is outlined, a wrong prediction is red.

    Args:
        tensors: arrays `gallery/pixels`, `gallery/maps` [images, height, width], `gallery/predicted`,
            `gallery/targets` [images], and `gallery/masks` where masks are known.
        classes: names in the order of the logits.
        title: above all.
        images: at most so many.

    Raises:
        ValueError: the result has no gallery.
    """
    count = min(len(tensors.get("gallery/pixels", ())), images)
    if not count:
        raise ValueError("saliency_grid() got a result without a gallery. Pass the tensors of an AOPC result.")
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure = new_figure(3.0 * columns, 1.75 * rows + 0.3)
    panels = figure.subplots(rows, 2 * columns, squeeze=False).reshape(rows * columns, 2)
    for place, (plain, overlaid) in enumerate(panels):
        if place < count:
            _draw_image(plain, overlaid, tensors, place, classes)
        for axes in (plain, overlaid):
            axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=11)
    return to_png(figure)


def _draw_image(plain: Axes, overlaid: Axes, tensors: Mapping[str, Any], place: int, classes: Sequence[str]) -> None:
    pixels, saliency = tensors["gallery/pixels"][place], tensors["gallery/maps"][place]
    target, predicted = int(tensors["gallery/targets"][place]), int(tensors["gallery/predicted"][place])
    for axes in (plain, overlaid):
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    overlaid.imshow(saliency, cmap="inferno", alpha=0.45)
    masks = tensors.get("gallery/masks")
    if masks is not None and masks[place].any():
        for axes in (plain, overlaid):
            axes.contour(masks[place].astype(float), levels=[0.5], colors=[GREEN], linewidths=1)
    dress(plain, title=f"true: {classes[target]}")
    dress(overlaid, title=f"predicted: {classes[predicted]}")
    overlaid.title.set_color("black" if target == predicted else RED)
    for axes in (plain, overlaid):
        axes.title.set_fontsize(8)
