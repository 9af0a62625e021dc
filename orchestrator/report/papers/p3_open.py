"""What paper P3 left open: each row has one thing changed, and is compared with the paper's way on the same test images."""

from __future__ import annotations

from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.tables import Cell, Column, Found, Line, PaperTable
from orchestrator.results import ResultRow

ROWS = {
    "paper": "the paper's: down-sampled, a dense layer of 64",
    "linear_head": "linear head",
    "wide_head": "a dense layer of 256, dropout 0.3",
    "deep_head": "dense layers of 128 and 64, dropout 0.3",
    "average_pooling": "average pooling",
    "all_images": "all images in every epoch",
    "balanced_draws": "classes drawn equally often",
    "weighted_loss": "all images, weighted cross entropy",
    "lung_mask": "masked by the map of the lungs",
}
COLUMNS = (
    Column(title="accuracy %", metric="test/accuracy", scale=100, digits=1),
    Column(title="macro F1 %", metric="test/macro_f1", scale=100, digits=1),
    Column(title="NLL", metric="test/nll", digits=3),
    Column(title="ECE", metric="test/ece", digits=3),
)
AOPC = Column(title="AOPC", metric="test/aopc", digits=3)
GAIN = Column(title="macro F1 %, less the first row", metric="macro_f1", scale=100, digits=1)
TOPICS = {
    "Tuning the head": ("linear_head", "wide_head", "deep_head", "average_pooling"),
    "Better sampling than down-sampling": ("all_images", "balanced_draws", "weighted_loss"),
    "The lung masks as input": ("lung_mask",),
}
REMARK = (
    "All rows share their test images, which are not down-sampled, so that the last column is a paired difference: its interval "
    "is over patients that are drawn for both at once."
)


def tables(measured: Measured) -> list[PaperTable]:
    """A line a change."""
    first, lines = measured.trial(row="paper"), []
    for name, label in ROWS.items():
        row = measured.trial(row=name)
        line = measured.line((label,), COLUMNS, row, is_ours=True)
        scored = Cell(ours=measured.found(row, "aopc", AOPC) if row else None)
        gain = Cell(ours=gain_over(measured, row, first))
        lines.append(Line(names=line.names, cells=(*line.cells, scored, gain), is_ours=True))
    return [
        PaperTable(
            title="Left open by the paper",
            heads=("network",),
            columns=(*COLUMNS, AOPC, GAIN),
            lines=tuple(lines),
            remarks=(REMARK,),
        )
    ]


def gain_over(measured: Measured, row: ResultRow | None, first: ResultRow | None) -> Found | None:
    """Macro F1 of a row less that of the paper's way, in per cent; None of that one itself."""
    if row is None or first is None or row.key == first.key:
        return None
    return measured.difference(row, first, GAIN)


def answers(measured: Measured) -> dict[str, str]:
    """A sentence a topic: which changes moved macro F1 by more than chance."""
    first = measured.trial(row="paper")
    told = {}
    for topic, names in TOPICS.items():
        known = [(ROWS[name], gain_over(measured, measured.trial(row=name), first)) for name in names]
        said = [_said(label, gain) for label, gain in known if gain is not None]
        if said:
            told[topic] = "; ".join(said) + "."
    return told


def _said(label: str, gain: Found) -> str:
    value = f"{label}: {gain.value:+z.1f} points of macro F1"
    if gain.low is None or gain.high is None:
        return value
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no difference beyond chance"
    return f"{value} ({gain.low:+z.1f} to {gain.high:+z.1f}, {verdict})"
