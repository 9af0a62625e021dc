"""Learning curves of one trial, or of several in one picture."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.storage.ledger import Report
from orchestrator.tracking.figures.canvas import COLOURS, GREY, dress, new_figure, to_png

SHOWN = ("train/loss", "val/nll", "val/accuracy", "val/ece")


def learning_curves(reports: Sequence[Report], title: str = "", metrics: Sequence[str] = SHOWN) -> bytes:
    """One small panel a metric over the epochs; the epoch whose weights were kept is marked.

    Args:
        reports: of one trial, in order.
        title: above all.
        metrics: which to draw; those that no report has are left out.

    Raises:
        ValueError: no report has any of the metrics.
    """
    drawn = [name for name in metrics if any(report.metrics.get(name) is not None for report in reports)]
    if not drawn:
        raise ValueError(f"learning_curves() got {len(reports)} reports, none with any of {', '.join(metrics)}.")
    figure = new_figure(2.6 * len(drawn) + 0.3, 2.6)
    panels = figure.subplots(1, len(drawn), squeeze=False)[0]
    for axes, name, colour in zip(panels, drawn, COLOURS * len(drawn), strict=False):
        known = [(report.epoch, report.metrics[name]) for report in reports if report.metrics.get(name) is not None]
        epochs, values = zip(*known, strict=True)
        axes.plot(epochs, values, color=colour, marker="o", markersize=3, linewidth=1.5)
        axes.axvline(reports[-1].best_epoch, color=GREY, linestyle=":", linewidth=1)
        axes.xaxis.get_major_locator().set_params(integer=True)
        dress(axes, title=name, x="epoch")
    if title:
        figure.suptitle(title, fontsize=11)
    return to_png(figure)
