"""Explanations of several networks beside one another: AOPC by step, and maps of the same images (papers P2 and P3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import ACCENT, BAD, GOOD, INK, MUTED, SECOND, new_axes, new_figure, plain, png_bytes
from orchestrator.figures.overlay import ALPHAS, blended, show_pixels
from orchestrator.figures.saliency import Explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

LINES = (ACCENT, SECOND, GOOD, "#8a6bd1", BAD, "#4c86d9", "#b5892a", "#c45a97")
"""Colours of the networks, the best one's first; all of them can be seen on white and on a dark page."""

OPACITY = 0.45
MOST_OVERLAYS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class AreaCurve:
    """The AOPC of a network after each step.

    Attributes:
        name: of the network.
        by_step, random: [L + 1], of its maps and of a random order under the same noise.
    """

    name: str
    by_step: NDArray[np.floating]
    random: NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class GridRow:
    """A network's maps of the images that all of them are shown on.

    Attributes:
        name, label: of the network, and what it was drawn with.
        cells: by the image's number: pixels [height, width], map from 0 to 1, the predicted class.
    """

    name: str
    label: str
    cells: Mapping[int, tuple[NDArray[np.uint8], NDArray[np.floating], str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Rows are networks, columns images.

    Attributes:
        images: the columns: number, pixels, true class.
        rows: the networks; one that was never shown such an image is not among them.
    """

    images: tuple[tuple[int, NDArray[np.uint8], str], ...]
    rows: tuple[GridRow, ...]


def draw_areas(figure: FigureBase, curves: Sequence[AreaCurve], title: str = "") -> None:
    """AOPC up to each step, a line a network, dashed the random control of the same colour (P3, Fig. 8)."""
    axes = new_axes(figure, title=title, x="regions perturbed, %", y="AOPC up to here")
    for curve, colour in reversed(list(zip(curves, LINES, strict=False))):
        share = np.linspace(0, 100, len(curve.by_step))
        axes.plot(share, curve.random, color=colour, linewidth=1.1, linestyle=(0, (4, 3)), alpha=0.7)
        axes.plot(share, curve.by_step, color=colour, linewidth=2.4 if colour == LINES[0] else 1.6, label=curve.name)
    axes.plot([], [], color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)), label="random order")
    handles, labels = axes.get_legend_handles_labels()
    order = [*reversed(range(len(handles) - 1)), len(handles) - 1]  # they were drawn with the best one on top
    names = [plain(labels[place]) for place in order]
    lines = [handles[place] for place in order]
    axes.legend(lines, names, frameon=False, fontsize=9.5, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def areas_picture(curves: Sequence[AreaCurve], table: Sequence[Sequence[str]], title: str = "") -> bytes:
    """The curves, and below them the final table, whose first line is its head (P3's table).

    Raises:
        ValueError: no curve.
    """
    if not curves:
        raise ValueError("areas_picture() got no curve: no network has an AOPC.")
    figure = new_figure(8.4, 4.2 + 0.27 * len(table))
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(4.0, 0.2 + 0.27 * len(table)))[:, 0]
    draw_areas(upper, curves, title)
    _draw_table(lower.subplots(), table)
    return png_bytes(figure)


def grid_of(networks: Sequence[tuple[str, str, Sequence[str], Mapping[str, Any]]]) -> Grid:
    """The images that the first network was shown on, under the maps of all of them.

    Args:
        networks: name, label, classes and the arrays of the AOPC result, with `compared/...`.
    """
    shown = [each for each in networks if "compared/ids" in each[3]]
    if not shown:
        return Grid(images=(), rows=())
    _, _, classes, first = shown[0]
    images = tuple(
        (int(number), first["compared/pixels"][place], classes[int(first["compared/targets"][place])])
        for place, number in enumerate(first["compared/ids"])
    )
    rows = [GridRow(name=name, label=label, cells=_cells(names, arrays)) for name, label, names, arrays in shown]
    wanted = {number for number, _, _ in images}
    return Grid(images=images, rows=tuple(row for row in rows if wanted & set(row.cells)))


def grid_picture(grid: Grid, title: str = "") -> bytes:
    """Rows are networks, columns the same images; a wrong prediction is named in red (P2, Figs 4.5 and 4.6).

    Raises:
        ValueError: nothing to draw.
    """
    if not grid.rows:
        raise ValueError("grid_picture() got no row: no network has maps of compared images. Compute its AOPC again.")
    side, words = 1.55, 2.1
    figure = new_figure(words + side * len(grid.images), (side + 0.22) * (len(grid.rows) + 1) + 0.35)
    if title:
        figure.suptitle(plain(title), fontsize=11, color=INK)
    panels = figure.subplots(
        len(grid.rows) + 1,
        len(grid.images) + 1,
        squeeze=False,
        gridspec_kw={"width_ratios": (words / side, *[1] * len(grid.images))},
    )
    _draw_label(panels[0, 0], "radiograph", "")
    for axes, (_, pixels, target) in zip(panels[0, 1:], grid.images, strict=True):
        show_pixels(axes, pixels, target, size=8.5)
    for line, row in zip(panels[1:], grid.rows, strict=True):
        _draw_label(line[0], row.name, row.label)
        for axes, (number, _, target) in zip(line[1:], grid.images, strict=True):
            if number not in row.cells:
                axes.set_axis_off()
                continue
            pixels, heat, predicted = row.cells[number]
            is_right = predicted == target
            show_pixels(
                axes, blended(pixels, heat, OPACITY), f"→ {predicted}", size=7.5, colour=GOOD if is_right else BAD
            )
    return png_bytes(figure)


def overlays_picture(images: Sequence[Explained], title: str = "", alphas: Sequence[float] = ALPHAS) -> bytes:
    """A few images, and their maps over them at several opacities (P3, Fig. 7).

    Raises:
        ValueError: no images.
    """
    if not images:
        raise ValueError("overlays_picture() got no image. Pass those of the gallery of an AOPC result.")
    some = images[:MOST_OVERLAYS]
    figure = new_figure(2.2 * (len(alphas) + 1), 2.42 * len(some) + 0.35)
    if title:
        figure.suptitle(plain(title), fontsize=11, color=INK)
    for line, image in zip(figure.subplots(len(some), len(alphas) + 1, squeeze=False), some, strict=True):
        colour = GOOD if image.is_right else BAD
        show_pixels(line[0], image.pixels, f"{image.target} → {image.predicted}", colour=colour, size=8.5)
        for axes, alpha in zip(line[1:], alphas, strict=True):
            show_pixels(axes, blended(image.pixels, image.heat, alpha), f"opacity {alpha:g}", size=8.5, colour=MUTED)
    return png_bytes(figure)


def _cells(
    classes: Sequence[str], arrays: Mapping[str, Any]
) -> dict[int, tuple[NDArray[np.uint8], NDArray[np.floating], str]]:
    cells = {}
    for place, number in enumerate(arrays["compared/ids"]):
        heat = np.maximum(np.asarray(arrays["compared/maps"][place], dtype=float), 0)
        predicted = classes[int(arrays["compared/predicted"][place])]
        cells[int(number)] = (arrays["compared/pixels"][place], heat / max(float(heat.max()), 1e-12), predicted)
    return cells


def _draw_label(axes: Axes, name: str, label: str) -> None:
    axes.set_axis_off()
    lines = [plain(name), *map(plain, label.split(", "))] if label else [plain(name)]
    axes.text(0, 0.5, "\n".join(lines), fontsize=8.5, color=INK, va="center", ha="left", transform=axes.transAxes)


def _draw_table(axes: Axes, table: Sequence[Sequence[str]]) -> None:
    """Words on the left, figures on the right; the head in grey."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    columns = len(table[0])
    places = [0.02, *np.linspace(0.62, 1.0, columns - 1)]
    for line, words in enumerate(table):
        if line:
            colour = LINES[(line - 1) % len(LINES)]
            axes.scatter([0.005], [1 - (line + 0.5) / len(table)], marker="s", s=36, color=colour)
        for column, (word, place) in enumerate(zip(words, places, strict=True)):
            axes.text(
                place,
                1 - (line + 0.5) / len(table),
                plain(word),
                fontsize=9.5,
                color=MUTED if line == 0 else INK,
                ha="left" if column == 0 else "right",
                va="center",
                transform=axes.transAxes,
            )
