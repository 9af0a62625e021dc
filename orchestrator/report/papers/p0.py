"""Paper P0: Table 1, a small network on MURA and the posteriors of its last layer."""

from __future__ import annotations

from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.tables import Column, PaperTable, printed

HOURS = 1 / 3600
COLUMNS = (
    Column(title="accuracy", metric="test/accuracy", digits=5),
    Column(title="ECE", metric="test/ece", digits=5),
    Column(title="NLL", metric="test/nll", digits=4),
    Column(title="fit (h)", metric="seconds/fit", scale=HOURS, digits=None),
    Column(title="optimisation (h)", metric="seconds/prior_precision", scale=HOURS, digits=None),
)
PRINTED = {
    "": (0.87519, 0.07406, 0.6465, None, None),
    "diag": (0.87550, 0.07269, 0.5997, 0.072, 0.546),
    "full": (0.87519, 0.03033, 0.4667, 0.063, 0.351),
    "kron": (0.87519, 0.02774, 0.4751, 0.074, 0.709),
}
TIMES = (
    "Both seconds are of features that are computed once for all structures, which is why they are so much shorter than the "
    "paper's, whose every pass goes through the network. Theirs depend on their machine: no verdict."
)
NLL = "The paper's printed formula of NLL is a binary sum; ours is the mean of -log p of the true class, as its numbers suggest."


def tables(measured: Measured) -> list[PaperTable]:
    """Table 1."""
    row = measured.trial()
    lines = [measured.line(("CNN", "-"), COLUMNS, row, printed(PRINTED[""]))]
    for structure in ("diag", "full", "kron"):
        task = measured.task(row, f"laplace_{structure}") or None
        lines.append(measured.line(("BNN", structure), COLUMNS, row, printed(PRINTED[structure]), task=task))
    return [
        PaperTable(
            title="Table 1", heads=("model", "Hessian"), columns=COLUMNS, lines=tuple(lines), remarks=(TIMES, NLL)
        )
    ]
