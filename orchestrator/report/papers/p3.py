"""Paper P3: classification reports of two frozen networks, and the final table with AOPC."""

from __future__ import annotations

from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.tables import Cell, Column, Line, PaperTable, printed

NETWORKS = {"vgg16": "VGG16", "densenet201": "DenseNet201"}
CLASSES = {"COVID": "Covid", "Lung_Opacity": "Lung Opacity", "Normal": "Normal", "Viral Pneumonia": "Viral Pneumonia"}
REPORTS = {
    "vgg16": {
        "COVID": (0.88, 0.84, 0.86),
        "Lung_Opacity": (0.82, 0.82, 0.82),
        "Normal": (0.79, 0.82, 0.80),
        "Viral Pneumonia": (0.96, 0.96, 0.96),
    },
    "densenet201": {
        "COVID": (0.91, 0.87, 0.89),
        "Lung_Opacity": (0.79, 0.81, 0.80),
        "Normal": (0.83, 0.86, 0.85),
        "Viral Pneumonia": (0.99, 0.98, 0.98),
    },
}
ACCURACY = {"vgg16": 0.86, "densenet201": 0.88}
FINAL = {"vgg16": (86, 86, 0.45), "densenet201": (88, 88, 0.49)}
FINAL_COLUMNS = (
    Column(title="test recall %", metric="test/accuracy", scale=100, digits=0),
    Column(title="test F1 %", metric="test/macro_f1", scale=100, digits=0),
    Column(title="AOPC", metric="test/aopc", digits=3),
    Column(title="AOPC, random order", metric="test/aopc_random", digits=3),
)
PARTS = ("precision", "recall", "f1")
REMARKS = (
    "Classes are of one size after down-sampling, so that the mean recall is the accuracy.",
    "The paper does not print the scale of its noise, nor clipping: ours adds it to intensities in [0, 1] and clips the sum. The "
    "random order is ours: an AOPC says little without it.",
)


def tables(measured: Measured) -> list[PaperTable]:
    """A report a network (Figures 4 and 5), and the final table."""
    return [*(_report(measured, name) for name in NETWORKS), _final(measured)]


def _report(measured: Measured, name: str) -> PaperTable:
    row, lines = measured.trial(backbone=name), []
    names = measured.findings.classes(row.key) if row else ()
    for each in [*CLASSES, *(each for each in names if each not in CLASSES)]:
        of_class = [Column(title=part, metric=f"test/{part}/{each}", digits=2) for part in PARTS]
        paper = printed(REPORTS[name][each]) if each in CLASSES else ()
        note = "" if not names or each in names else "the data have no such class"
        lines.append(
            measured.line((CLASSES.get(each, each),), of_class, row, paper, note=note, is_ours=each not in CLASSES)
        )
    accuracy = Column(title="accuracy", metric="test/accuracy", digits=2)
    cell = Cell(paper=printed((ACCURACY[name],))[0], ours=measured.found(row, "", accuracy) if row else None)
    lines.append(Line(names=("accuracy",), cells=(Cell(), cell, Cell())))
    columns = tuple(Column(title=part, metric=part, digits=2) for part in ("precision", "recall", "F1"))
    return PaperTable(
        title=f"Classification report, {NETWORKS[name]}", heads=("class",), columns=columns, lines=tuple(lines)
    )


def _final(measured: Measured) -> PaperTable:
    lines = []
    for name, label in NETWORKS.items():
        row = measured.trial(backbone=name)
        theirs = (*printed(FINAL[name]), None)
        tasks = ["", "", "aopc", "aopc"]
        cells = tuple(
            Cell(paper=paper, ours=measured.found(row, task, column) if row else None)
            for paper, task, column in zip(theirs, tasks, FINAL_COLUMNS, strict=True)
        )
        lines.append(Line(names=(label,), cells=cells))
    return PaperTable(
        title="Final table", heads=("base model",), columns=FINAL_COLUMNS, lines=tuple(lines), remarks=REMARKS
    )
