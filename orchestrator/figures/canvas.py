"""Empty figures, the colours drawn with, and the way out to SVG and PNG. No pyplot: nothing global is kept."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

INK, MUTED, GRID, SOFT = "#1d2a35", "#66727e", "#dfe4e9", "#a9b4bf"
ACCENT, SECOND, GOOD, BAD = "#0d6a8b", "#d2751f", "#2a8a4a", "#c4303b"
SURFACE = "#fefefe"

COLOURS = {
    "ink": INK,
    "muted": MUTED,
    "grid": GRID,
    "soft": SOFT,
    "accent": ACCENT,
    "second": SECOND,
    "good": GOOD,
    "bad": BAD,
    "surface": SURFACE,
}

POINTS_PER_INCH = 72
DOTS_PER_INCH = 130


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches; its parts are laid out by themselves."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def new_axes(figure: FigureBase, *, title: str = "", x: str = "", y: str = "") -> Axes:
    """Plain axes: no frame but below and on the left, a faint grid."""
    axes: Axes = figure.subplots()
    style(axes)
    axes.set_title(plain(title), fontsize=11, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(plain(x), fontsize=10, color=MUTED)
    axes.set_ylabel(plain(y), fontsize=10, color=MUTED)
    return axes


def style(axes: Axes) -> None:
    """Give axes the look of all of them."""
    axes.patch.set_alpha(0)
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(colors=MUTED, labelsize=9.5, length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(GRID)


def add_lines(
    axes: Axes, lines: Sequence[Sequence[tuple[float, float]]], *, colour: str, width: float, style: str = "-"
) -> None:
    """Lines that look alike, drawn as one thing: a thousand take no longer than one. A single point becomes a dot.

    Args:
        axes: to draw on.
        lines: points of each.
        colour: of all of them.
        width: in points.
        style: `-`, or `:` for dots.
    """
    from matplotlib.collections import LineCollection

    if longer := [line for line in lines if len(line) > 1]:
        axes.add_collection(LineCollection(longer, colors=colour, linewidths=width, linestyles=style))
        axes.autoscale_view()
    if dots := [line[0] for line in lines if len(line) == 1]:
        axes.plot(*zip(*dots, strict=True), color=colour, linestyle="", marker="o", markersize=4)


def legend(axes: Axes) -> None:
    """A legend without a frame, where it hides least."""
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, loc="best")


def whole_numbers(axes: Axes) -> None:
    """Ticks of the horizontal axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def plain(text: str) -> str:
    """Text that is shown as it is: a dollar sign starts no formula."""
    return text.replace("$", r"\$")


def png_bytes(figure: Figure, *, dots_per_inch: int = DOTS_PER_INCH) -> bytes:
    """The figure as a PNG file on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, facecolor="white")
    return buffer.getvalue()


def svg_text(figure: Figure) -> str:
    """The figure as an SVG file; its texts stay texts, and equal figures give equal files."""
    import matplotlib

    buffer = io.StringIO()
    options: Any = {"svg.fonttype": "none", "svg.hashsalt": "figure"}
    with matplotlib.rc_context(options):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return buffer.getvalue()


def inline_svg(figure: Figure, *, name: str, label: str) -> str:
    """The figure as an element of a web page.

    Colours become the page's variables `--figure-ink` and so on, so that a dark page has light lines; texts take the
    page's font; ids are the figure's own, so that two figures on a page do not meet.

    Args:
        figure: what to show.
        name: unique on the page; letters, digits and hyphens.
        label: what a screen reader says.
    """
    text = re.sub(
        r"<!--.*?-->|<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", svg_text(figure), flags=re.DOTALL
    )
    for colour, value in COLOURS.items():
        text = text.replace(value, f"var(--figure-{colour})")
    text = re.sub(r"(font: [^;\"]*?px) '[^;\"]*", r"\1 system-ui, sans-serif", text)
    text = _own_ids(text, name)
    opening = re.search(r"<svg[^>]*viewBox=\"([^\"]*)\"[^>]*>", text, flags=re.DOTALL)
    assert opening is not None
    head = f'<svg role="img" aria-label="{_attribute(label)}" viewBox="{opening[1]}">'
    return (head + text[opening.end() :]).strip()


def _own_ids(text: str, name: str) -> str:
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))

    def own(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    text = re.sub(r"\sid=\"([^\"]+)\"", own, text)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", text).replace("xlink:href", "href")


def _attribute(text: str) -> str:
    from html import escape

    return escape(text, quote=True)
