"""Paper P4: Table 1, networks of growing depth on ImageCLEF 2009."""

from __future__ import annotations

from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.tables import Column, PaperTable, printed

COLUMNS = (Column(title="accuracy %", metric="test/accuracy", scale=100, digits=2),)
ROWS = {"shallow": ("shallow", 71.1), "deeper": ("deeper", 90.36), "deeper_augmented": ("deeper + augmentation", 95.62)}


def tables(measured: Measured) -> list[PaperTable]:
    """Table 1."""
    lines = [
        measured.line((label,), COLUMNS, measured.trial(row=name), printed((accuracy,)))
        for name, (label, accuracy) in ROWS.items()
    ]
    return [PaperTable(title="Table 1", heads=("network",), columns=COLUMNS, lines=tuple(lines))]
