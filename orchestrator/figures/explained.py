"""Pictures of a user's own image: the map beside what the network says, at several opacities, and member by member."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.figures.canvas import ACCENT, GRID, INK, MUTED, SOFT, new_figure, plain, png_bytes, style
from orchestrator.figures.overlay import ALPHAS, EVEN, blended, show_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = {
    "grad_cam": "Grad-CAM",
    "cam": "CAM",
    "grad_cam_pp": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "smooth_grad": "SmoothGrad",
    "lrp": "LRP",
    "rise": "RISE",
    "attentive": "attentive response map",
}
MOST_CLASSES = 8
COLUMNS = 5


def pictures_of(
    plain_: Mapping[str, Any], pixels: NDArray[np.uint8], maps: NDArray[np.floating], *, members: bool
) -> dict[str, Callable[[], bytes]]:
    """The pictures of an explanation by name, each drawn when it is called.

    Args:
        plain_: the explanation as JSON values.
        pixels: [side, side], the image.
        maps: [members, side, side] from 0 to 1, each as often as it counts.
        members: whether the members are shown; with a single one they never are.
    """
    drawn: dict[str, Callable[[], bytes]] = {
        "explanation": partial(explanation_picture, plain_, pixels, maps),
        "overlays": partial(overlay_picture, plain_, pixels, maps),
    }
    if members and len(maps) > 1:
        drawn["members"] = partial(members_picture, plain_, pixels, maps)
    return drawn


def explanation_picture(told: Mapping[str, Any], pixels: NDArray[np.uint8], maps: NDArray[np.floating]) -> bytes:
    """The image, the map over it, and the probabilities before and after calibration."""
    figure = new_figure(11.2, 4.3)
    figure.suptitle(plain(_headline(told)), fontsize=11.5, color=INK, x=0.01, ha="left")
    image, overlay, words = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1, 1.05, 1)})
    show_pixels(image, pixels, "radiograph")
    show_pixels(overlay, blended(pixels, scaled_mean(maps), 0.5), _map_title(told, len(maps)))
    _colour_bar(figure, overlay)
    _draw_probabilities(words, told)
    return png_bytes(figure)


def overlay_picture(
    told: Mapping[str, Any],
    pixels: NDArray[np.uint8],
    maps: NDArray[np.floating],
    alphas: Sequence[float] = ALPHAS,
) -> bytes:
    """The image, and the map over it at several opacities (paper P3, Fig. 7)."""
    figure = new_figure(3.0 * (len(alphas) + 1), 3.55)
    figure.suptitle(plain(_map_title(told, len(maps))), fontsize=11.5, color=INK, x=0.01, ha="left")
    first, *others = figure.subplots(1, len(alphas) + 1)
    show_pixels(first, pixels, "radiograph")
    for axes, alpha in zip(others, alphas, strict=True):
        show_pixels(axes, blended(pixels, scaled_mean(maps), alpha), f"opacity {alpha:g}")
    return png_bytes(figure)


def members_picture(told: Mapping[str, Any], pixels: NDArray[np.uint8], maps: NDArray[np.floating]) -> bytes:
    """What the members see alone, with the prediction of each, and below it what they have in common (paper P1)."""
    distinct = maps[np.cumsum([0, *(each["weight"] for each in told["members"][:-1])])]
    pooled = pooled_maps(maps)
    rows = -(-len(distinct) // COLUMNS)
    figure = new_figure(2.35 * COLUMNS, 2.75 * (rows + 1) + 0.6)
    figure.suptitle(plain(_headline(told)), fontsize=11.5, color=INK, x=0.01, ha="left")
    panels = figure.subplots(rows + 1, COLUMNS, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, heat, member in zip(panels[:-1].flat, distinct, told["members"], strict=False):
        times = f" (counts {member['weight']}x)" if member["weight"] > 1 else ""
        said = f"predicts {_short(member['predicted'])}"
        title = f"{member['name']}{times}\n{said}\n{_short(told['explained_class'])} {member['probability']:.2f}"
        show_pixels(axes, blended(pixels, heat, 0.5), title, size=8.5)
    show_pixels(panels[-1, 0], pixels, "radiograph\n", size=8.5)
    for axes, (name, (note, heat)) in zip(panels[-1, 1:], pooled.items(), strict=True):
        show_pixels(axes, blended(pixels, heat, 0.5), f"{name}\n{note}", size=8.5)
    return png_bytes(figure)


def scaled_mean(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    """The members' mean, from 0 to 1; the map itself of a single network."""
    mean = maps.mean(0)
    low, high = float(mean.min()), float(mean.max())
    return (mean - low) / (high - low) if high > low else np.zeros_like(mean)


def pooled_maps(maps: NDArray[np.floating]) -> dict[str, tuple[str, NDArray[np.floating]]]:
    """Maps of the members as one, with what each means (see `trainables.explain.aggregate`)."""
    import torch

    from trainables.explain.aggregate import aggregate, agreement

    members = torch.from_numpy(np.ascontiguousarray(maps))[:, None]
    deviation = agreement(members).deviation[0].numpy()
    most = float(deviation.max())
    return {
        "mean": ("what members see on average", aggregate(members, "mean")[0].numpy()),
        "intersection": ("what all of them see", aggregate(members, "intersection")[0].numpy()),
        "union": ("what any of them sees", aggregate(members, "union")[0].numpy()),
        "deviation": (f"where they differ, up to {most:.2f}", deviation / most if most > 0 else deviation),
    }


def _headline(told: Mapping[str, Any]) -> str:
    several = ""
    if told["disagreement"] is not None:
        several = f", mutual information {told['mutual_information']:.3f}, disagreement {told['disagreement']:.2f}"
    predicted = told["predicted"] or "none of the labels"
    return f"{told['name']} predicts {predicted}; entropy {told['entropy']:.3f} nats{several}"


def _map_title(told: Mapping[str, Any], members: int) -> str:
    method = METHODS.get(told["method"], told["method"].replace("_", " "))
    of = f"mean {method} of {members} members" if members > 1 else method
    return of if told["method"] == "attentive" else f"{of}, evidence for {told['explained_class']}"


def _draw_probabilities(axes: Axes, told: Mapping[str, Any]) -> None:
    """A bar a class after calibration, and a mark where it was before."""
    names = sorted(told["calibrated"], key=lambda name: -told["calibrated"][name])
    explained = told["explained_class"]
    names = names[:MOST_CLASSES] if explained in names[:MOST_CLASSES] else [*names[: MOST_CLASSES - 1], explained]
    places = np.arange(len(names))
    style(axes)
    axes.grid(visible=False, axis="y")
    colours = [ACCENT if name == told["explained_class"] else SOFT for name in names]
    axes.barh(places, [told["calibrated"][name] for name in names], height=0.5, color=colours)
    before = [told["uncalibrated"][name] for name in names]
    axes.scatter(before, places, marker="|", s=260, color=INK, linewidths=1.8, label="before calibration", zorder=3)
    for place, name in zip(places, names, strict=True):
        axes.text(0, place - 0.42, plain(_short(name, 28)), fontsize=9.5, color=INK, va="bottom")
        axes.text(
            1.0, place - 0.42, f"{told['calibrated'][name]:.3f}", fontsize=9.5, color=INK, ha="right", va="bottom"
        )
    axes.set(xlim=(0, 1), ylim=(max(len(names), 3) - 0.3, -0.9), yticks=[])
    axes.set_xlabel(f"probability, calibrated (temperature {told['temperature']:.2f})", fontsize=9.5, color=MUTED)
    axes.spines["left"].set_color(GRID)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="lower right")


def _colour_bar(figure: Figure, axes: Axes) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=EVEN), ax=axes, fraction=0.045, pad=0.02, ticks=(0, 1))
    bar.ax.set_yticklabels(["low", "high"], fontsize=9, color=MUTED)
    bar.outline.set_visible(False)


def _short(text: str, most: int = 16) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
