"""Explained radiographs as the page shows them: a grid that stands still, and a viewer that goes from image to image.

Every picture is in the page once: the cells of a grid refer to the radiograph of their row, and the viewer takes the cells.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from orchestrator.figures.saliency import outlines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_SIDE = 512
QUALITY = 88
"""Of WebP: a radiograph looks as it is, in a tenth of the bytes of a PNG file."""

Said: TypeAlias = Literal["", "right", "wrong"]
Facts: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """What is laid over a radiograph.

    Attributes:
        name: what it is: a method, a network, a member.
        uri: picture, clear where it says nothing.
        caption: above it in the grid.
        said: whether the prediction that stands with it is right.
        facts: (name, value) for the viewer.
        opacity: of the picture as the grid shows it.
        is_dimmed: whether the radiograph below is darkened, because faint dots would be lost on bones.
        key: (name, colour) of what its colours stand for.
    """

    name: str
    uri: str
    caption: str = ""
    said: Said = ""
    facts: Facts = ()
    opacity: float = 1.0
    is_dimmed: bool = False
    key: Facts = ()


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A line around a region: what it is (`lesion`, `lungs`), and its SVG path."""

    what: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Slide:
    """One explained image.

    Attributes:
        target: the truth, for people.
        predicted: what was predicted; empty where every view has a prediction of its own.
        said: whether that is right.
        width, height: of the image in its own pixels.
        uri: the radiograph.
        views: what is laid over it.
        lines: around known regions; empty where none is known.
        facts: (name, value) for the viewer.
    """

    target: str
    predicted: str
    said: Said
    width: int
    height: int
    uri: str
    views: tuple[View, ...]
    lines: tuple[Outline, ...] = ()
    facts: Facts = ()

    @property
    def caption(self) -> str:
        """`normal → opacity`, or the truth alone."""
        return f"{self.target} → {self.predicted}" if self.predicted else self.target

    def first_with(self, view: View) -> int:
        """Place of the first view with the same picture, which is in the page once."""
        return next(place for place, each in enumerate(self.views) if each.uri == view.uri)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Slides of one grid.

    Attributes:
        name: unique on the page.
        title: of the viewer.
        slides: the images; all of them have the same views in the same order, or lack some at the end.
        note: what `right` and `wrong` are about where that is not plain.
    """

    name: str
    title: str
    slides: tuple[Slide, ...]
    note: str = ""

    @property
    def right(self) -> int:
        """How many are right."""
        return sum(slide.said == "right" for slide in self.slides)

    @property
    def wrong(self) -> int:
        """How many are wrong."""
        return sum(slide.said == "wrong" for slide in self.slides)

    @property
    def has_lines(self) -> bool:
        """Whether a region is outlined anywhere."""
        return any(slide.lines for slide in self.slides)

    @property
    def outlined(self) -> str:
        """What the lines are around, for people."""
        known = {"lesion": "the true lesion (green)", "lungs": "the lungs (blue, dashed)"}
        found = dict.fromkeys(line.what for slide in self.slides for line in slide.lines)
        return " and ".join(known.get(what, what) for what in found)


def said(is_right: bool) -> Said:
    """As a word."""
    return "right" if is_right else "wrong"


def outline(what: str, mask: NDArray[np.bool_] | None) -> tuple[Outline, ...]:
    """The line around a mask [height, width]; nothing where it is not known or empty."""
    lines = [] if mask is None else outlines(mask)
    return (Outline(what=what, path=" ".join(map(_path, lines))),) if lines else ()


def picture_uri(pixels: NDArray[Any], largest_side: int = LARGEST_SIDE) -> str:
    """Grey or coloured pixels, with their clearness if there are four channels, as a WebP file for a page.

    A picture with a larger side is reduced to that one.
    """
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((largest_side, largest_side))
    buffer = io.BytesIO()
    picture.save(buffer, format="webp", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def resized(values: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """A map at the resolution of its image, bilinear."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.asarray(values, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=float)


def _path(line: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in _corners(line).round(1).tolist()) + "Z"


def _corners(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points at which a line turns: those between lie on it."""
    import numpy as np

    steps = np.diff(line, axis=0)
    turns = np.abs(steps[1:, 0] * steps[:-1, 1] - steps[1:, 1] * steps[:-1, 0]) > 1e-9
    kept: NDArray[np.float64] = line[np.concatenate([[True], turns, [True]])]
    return kept
