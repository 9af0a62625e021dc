"""Attentive response maps: the dominant one, whose it is at each place, and the units one by one (paper P4, Figs 3 to 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import BAD, GOOD, INK, new_figure, plain, png_bytes
from orchestrator.figures.overlay import show_pixels
from orchestrator.figures.saliency import heat_colours

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

COLOURS = ("#ffd23f", "#4cc3ff", "#ff5d8f", "#63e07f", "#b89cff", "#ff9a3c", "#35e0d0", "#ff6b5e", "#c7e552", "#f4a8ff")
"""Of the units that give the largest response most often; one unit has one colour in all images of a picture."""

OTHERS = "#c3cad1"
FAINTEST = 0.15
"""Responses below this share of the brightest ones are not drawn: what is largest among noise says nothing."""

BRIGHTEST = 99.5
"""Percentile that is drawn as the brightest: a few pixels, such as those of a marker, would leave all others dark."""

DIMMED = 0.45
"""Brightness of the radiograph below a response, whose fine dots would not be seen on white bones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attentive:
    """An image with its responses.

    Attributes:
        pixels: [height, width] uint8.
        dominant: [height, width] from 0 to 1.
        winners: [height, width], the unit with the largest response, by its channel.
        units: channels, the most activated first.
        activations: of the units.
        individual: [shown, height, width] from 0 to 1 each, of the first units.
        target, predicted: names of the classes.
    """

    pixels: NDArray[np.uint8]
    dominant: NDArray[np.float64]
    winners: NDArray[np.integer]
    units: tuple[int, ...]
    activations: tuple[float, ...]
    individual: NDArray[np.float64]
    target: str
    predicted: str

    @property
    def is_right(self) -> bool:
        """Whether the true class was predicted."""
        return self.target == self.predicted

    @property
    def wins(self) -> Counter[int]:
        """At how many pixels a unit gives the largest response, where that is worth drawing."""
        return Counter(self.winners[self.dominant >= FAINTEST].tolist())


def attentive_images(tensors: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Attentive]:
    """The gallery of an attentive result, image by image."""
    arrays = {name: np.asarray(each) for name, each in tensors.items()}
    for row, pixels in enumerate(arrays.get("gallery/pixels", ())):
        units = arrays["gallery/units"][row]
        yield Attentive(
            pixels=pixels,
            dominant=_share(arrays["gallery/dominant"][row]),
            winners=units[arrays["gallery/winners"][row].astype(int)],
            units=tuple(map(int, units)),
            activations=tuple(map(float, arrays["gallery/activations"][row])),
            individual=np.stack([_share(each) for each in arrays["gallery/individual"][row]])
            if arrays["gallery/individual"].shape[1]
            else np.empty((0, *pixels.shape)),
            target=classes[int(arrays["gallery/targets"][row])],
            predicted=classes[int(arrays["gallery/predicted"][row])],
        )


def unit_colours(images: Sequence[Attentive]) -> dict[int, str]:
    """A colour for each of the units that win most often in these images."""
    most = sum((image.wins for image in images), Counter[int]()).most_common(len(COLOURS))
    return {unit: colour for (unit, _), colour in zip(most, COLOURS, strict=False)}


def winner_colours(image: Attentive, colours_of: Mapping[int, str]) -> NDArray[np.uint8]:
    """Who gives the largest response, as colours that are clear where it is faint, [height, width, 4] uint8."""
    from matplotlib.colors import to_rgb

    colours = np.empty((*image.winners.shape, 4))
    colours[..., :3] = to_rgb(OTHERS)
    for unit, colour in colours_of.items():
        colours[image.winners == unit, :3] = to_rgb(colour)
    colours[..., 3] = np.where(image.dominant >= FAINTEST, 0.3 + 0.7 * image.dominant, 0.0)
    return np.round(colours * 255).astype(np.uint8)


def attentive_picture(images: Sequence[Attentive], title: str = "") -> bytes:
    """Each image beside its dominant response and the units that give it.

    Raises:
        ValueError: no images.
    """
    _require(images)
    figure = _titled(new_figure(8.6, 2.35 * len(images) + 0.5), title)
    colours = unit_colours(images)
    for part, image in zip(figure.subfigures(len(images), 1, squeeze=False).flat, images, strict=True):
        draw_attentive(part, image, colours)
    return png_bytes(figure)


def units_picture(images: Sequence[Attentive], shown: int, title: str = "") -> bytes:
    """Each image beside what its most activated units respond to, one by one.

    Raises:
        ValueError: no images, or none of their units was stored.
    """
    _require(images)
    count = min(shown, len(images[0].individual))
    if not count:
        raise ValueError(
            "units_picture() got images without maps of single units. Ask for some: AttentiveMaps(shown=(5,))."
        )
    figure = _titled(new_figure(1.65 * (count + 1), 1.95 * len(images) + 0.5), title)
    panels = figure.subplots(len(images), count + 1, squeeze=False)
    for row, image in zip(panels, images, strict=True):
        show_pixels(row[0], image.pixels, _classes(image), colour=_colour(image), size=7.5)
        for place, axes in enumerate(row[1:]):
            show_pixels(
                axes, dimmed(image.pixels), f"unit {image.units[place]}\n{image.activations[place]:.3g}", size=7.5
            )
            axes.imshow(heat_colours(image.individual[place]))
    return png_bytes(figure)


def draw_attentive(figure: FigureBase, image: Attentive, colours: Mapping[int, str]) -> None:
    """Radiograph, dominant response, and the units that give it with their colours."""
    from matplotlib.patches import Patch

    left, middle, right, key = figure.subplots(1, 4, gridspec_kw={"width_ratios": (1, 1, 1, 0.55)})
    show_pixels(left, image.pixels, f"{image.target} → {image.predicted}", colour=_colour(image))
    show_pixels(middle, dimmed(image.pixels), "largest response")
    middle.imshow(heat_colours(image.dominant))
    show_pixels(right, dimmed(image.pixels), "unit that gives it")
    right.imshow(winner_colours(image, colours))
    key.set_axis_off()
    wins = image.wins
    handles = [Patch(color=colours[unit], label=f"unit {unit}") for unit, _ in wins.most_common() if unit in colours]
    if len(wins) > len(handles):
        handles.append(Patch(color=OTHERS, label="others"))
    key.legend(handles=handles, frameon=False, fontsize=8.5, labelcolor=INK, loc="center left", handlelength=1)


def _share(response: NDArray[np.floating]) -> NDArray[np.float64]:
    positive = np.maximum(response.astype(float), 0)
    brightest = float(np.percentile(positive, BRIGHTEST)) or float(positive.max())
    share: NDArray[np.float64] = np.minimum(positive / max(brightest, 1e-12), 1.0)
    return share


def dimmed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The radiograph as the dark ground of a response."""
    return np.round(pixels * DIMMED).astype(np.uint8)


def _classes(image: Attentive) -> str:
    return f"{_short(image.target)}\n→ {_short(image.predicted)}"


def _short(text: str, most: int = 20) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _colour(image: Attentive) -> str:
    return GOOD if image.is_right else BAD


def _require(images: Sequence[Attentive]) -> None:
    if not images:
        raise ValueError("There is no image to draw. Pass those of the tensors of an attentive result.")


def _titled(figure: Any, title: str) -> Any:
    if title:
        figure.suptitle(plain(title), fontsize=11, color=INK)
    return figure
