"""The figures of one network as PNG files on white: what MLflow shows beside a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.figures.canvas import INK, new_figure, plain, png_bytes
from orchestrator.figures.learning import draw_learning_curves
from orchestrator.figures.perturbation import draw_area_by_step, draw_perturbation
from orchestrator.figures.reliability import draw_reliability
from orchestrator.figures.saliency import draw_saliency, explained_images
from orchestrator.figures.selective import draw_referral, draw_risk_coverage
from orchestrator.figures.sizes import draw_sizes, sized_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from orchestrator.storage.ledger import Row
    from trainables.metrics import ReliabilityCurve

CURVES = ("train/loss", "val/nll", "val/accuracy", "val/ece")
COLUMNS = 4


def learning_curves(row: Row, metrics: Sequence[str] = CURVES) -> bytes:
    """One small panel a metric over the epochs of a row; the epoch whose weights were kept is marked.

    Raises:
        ValueError: no report has any of the metrics.
    """
    drawn = [name for name in metrics if any(name in report.metrics for report in row.reports)]
    if not drawn:
        raise ValueError(f"learning_curves() got {len(row.reports)} reports, none with any of {', '.join(metrics)}.")
    figure = _titled(new_figure(3.2 * len(drawn), 3), row.name)
    for part, name in zip(figure.subfigures(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        draw_learning_curves(part, [row], name, best=row.name)
    return png_bytes(figure)


def reliability_diagrams(curves: Mapping[str, ReliabilityCurve], title: str = "") -> bytes:
    """One diagram a curve, side by side.

    Args:
        curves: by the name that stands above each, such as `uncalibrated` and `temperature`.
        title: above all.

    Raises:
        ValueError: nothing to draw.
    """
    if not curves:
        raise ValueError("reliability_diagrams() got no curve. Pass at least one, see trainables.metrics.reliability.")
    figure = _titled(new_figure(3.3 * len(curves), 4.1), title)
    parts = figure.subfigures(1, len(curves), squeeze=False)[0]
    for part, (name, curve) in zip(parts, curves.items(), strict=True):
        draw_reliability(part, curve, name)
    return png_bytes(figure)


def risk_coverage(tensors: Mapping[str, Any], title: str = "") -> bytes:
    """Risk by coverage, and accuracy after referral, of one network.

    Args:
        tensors: arrays of an evaluation, `risk_coverage/test` and `referral/test`.
        title: above all.

    Raises:
        ValueError: the evaluation has no such curves, because no truth is known on test.
    """
    if "risk_coverage/test" not in tensors:
        raise ValueError("risk_coverage() got an evaluation without curves: no truth is known on test.")
    figure = _titled(new_figure(7.6, 3.2), title)
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    draw_risk_coverage(left, {"surest first": tensors["risk_coverage/test"]}, "risk and coverage")
    draw_referral(right, {"by entropy": tensors["referral/test"]}, "referral")
    return png_bytes(figure)


def perturbation_curves(tensors: Mapping[str, Any], title: str = "") -> bytes:
    """Probability of the predicted class while regions are perturbed, and the AOPC up to each step.

    Args:
        tensors: arrays of an AOPC result.
        title: above all.

    Raises:
        ValueError: the result has no curve, because no image was predicted correctly.
    """
    if "curve" not in tensors:
        raise ValueError("perturbation_curves() got a result without a curve: no image was predicted correctly.")
    figure = _titled(new_figure(7.6, 3.2), title)
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    draw_perturbation(left, tensors, "perturbation curve")
    draw_area_by_step(right, tensors, "area over it")
    return png_bytes(figure)


def saliency_grid(tensors: Mapping[str, Any], classes: Sequence[str], title: str = "", images: int = 8) -> bytes:
    """Each image beside itself under its map; the true lesion is outlined.

    Args:
        tensors: arrays of an AOPC result, with its gallery.
        classes: names in the order of the logits.
        title: above all.
        images: at most so many.

    Raises:
        ValueError: the result has no gallery.
    """
    shown = list(explained_images(tensors, classes))[:images]
    if not shown:
        raise ValueError("saliency_grid() got a result without a gallery. Pass the tensors of an AOPC result.")
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = _titled(new_figure(3.2 * columns, 1.85 * rows + 0.3), title)
    for part, image in zip(figure.subfigures(rows, columns, squeeze=False).flat, shown, strict=False):
        draw_saliency(part, image)
    return png_bytes(figure)


def size_curves(metrics: Mapping[str, float | None], title: str = "") -> bytes:
    """Quality on test by the number of members, a panel a metric.

    Args:
        metrics: of an ensemble with `sizes`.
        title: above all.

    Raises:
        ValueError: the ensemble has no sizes.
    """
    names = sized_metrics(metrics)
    if not names:
        raise ValueError("size_curves() got an ensemble without sizes. Name them: Ensemble(sizes=(2, 5, 10, 15)).")
    figure = _titled(new_figure(3.4 * len(names), 3.2), title)
    for part, name in zip(figure.subfigures(1, len(names), squeeze=False)[0], names, strict=True):
        draw_sizes(part, metrics, name)
    return png_bytes(figure)


def note(text: str) -> bytes:
    """A picture that only says something."""
    figure = new_figure(5, 1.2)
    figure.text(0.5, 0.5, plain(text), ha="center", va="center", wrap=True, fontsize=10, color=INK)
    return png_bytes(figure)


def _titled(figure: Figure, title: str) -> Figure:
    if title:
        figure.suptitle(plain(title), fontsize=11, color=INK)
    return figure
