"""A figure without pyplot: no window, no global state, safe in a thread."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can tell apart
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
GREY = "#7F7F7F"
FONT = {"fontsize": 9}


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """An empty white figure that makes room for its labels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> Axes:
    """Title, labels and the plain frame that all our figures have."""
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, **_font())
    axes.set_ylabel(y, **_font())
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def note(text: str) -> bytes:
    """A picture that only says something."""
    figure = new_figure(5, 1.2)
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, **_font())
    return to_png(figure)


def _font() -> dict[str, Any]:
    return dict(FONT)
