"""Paper P2: the tables on losses, saliency losses, backbones, searches and MIMO networks, of five labels of CheXpert."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.tables import Cell, Column, Found, Line, PaperTable, printed
from orchestrator.results import ResultRow

LABELS = {
    "Atelectasis": "Atel.",
    "Cardiomegaly": "Card.",
    "Consolidation": "Cons.",
    "Edema": "Edema",
    "Pleural Effusion": "Effusion",
}
AREAS = (
    *(Column(title=short, metric=f"test/auroc/{name}", digits=3) for name, short in LABELS.items()),
    Column(title="mean AUC", metric="test/auroc", digits=3),
)
ABLATION = {
    "cross_entropy": ("cross entropy", (0.769, 0.764, 0.751, 0.675, 0.822, 0.756)),
    "one_stage": ("L_WCE + lambda_1 L_CD, one stage", (0.722, 0.807, 0.743, 0.645, 0.806, 0.745)),
    "two_stage": ("the same, two-stage", (0.752, 0.810, 0.716, 0.646, 0.822, 0.749)),
    "weighted_cross_entropy": ("weighted cross entropy", (0.867, None, None, 0.691, None, None)),
    "with_consistency": ("with lambda_2 L_SC", None),
}
NOTES = {
    "weighted_cross_entropy": "Two labels are printed in the text, without settings; ours are those of the other rows.",
    "with_consistency": "The paper prints nothing with L_SC, which did not finish in reasonable time there.",
}
LOSSES = {
    "cross_entropy": ("cross entropy", (0.8350, 0.9032, 0.9120, 0.8489, 0.9217, 0.8841), (0.1147, 0.0996)),
    "focal": ("focal", (0.8568, 0.9077, 0.9016, 0.8447, 0.9230, 0.8867), (0.1763, 0.1091)),
    "deep_auc": ("deep AUC", (0.7368, 0.8263, 0.9160, 0.8269, 0.8393, 0.8291), (0.2348, 0.0992)),
}
BACKBONES = {"densenet121": "DenseNet-121", "resnet101": "ResNet-101", "vgg19": "VGG-19"}
ECE = Column(title="mean ECE", metric="test/ece", digits=4)
CALIBRATION = (("mean ECE", ""), ("after temperature", "temperature"), ("after one a label", "temperature_per_label"))
RELIABILITY = (
    Column(title="mean AUC", metric="test/auroc", digits=3),
    Column(title="NLL", metric="test/nll", digits=3),
    Column(title="mean ECE", metric="test/ece", digits=3),
)
STARTS = (
    "Whether the paper starts from pretrained weights is contradictory in its text; --set model/weights=FILE takes a file, and "
    "without it ours starts from random ones."
)


def ablation(measured: Measured) -> list[PaperTable]:
    """Table 4.1: saliency losses after 15 epochs; below it what they cost."""
    lines = [
        measured.line(
            (label,), AREAS, measured.trial(row=name), printed(paper) if paper else (), is_ours=paper is None,
            note=NOTES.get(name, ""),
        )
        for name, (label, paper) in ABLATION.items()
    ]  # fmt: skip
    return [
        PaperTable(
            title="Table 4.1, AUC by loss",
            heads=("loss",),
            columns=AREAS,
            lines=tuple(lines),
            remarks=(*_without_area(measured, lines), STARTS, *_cost(measured)),
        )
    ]


def _without_area(measured: Measured, lines: Sequence[Line]) -> list[str]:
    """Why no network has a number for a label."""
    networks = measured.findings.networks
    known = measured.findings.classes(networks[0].key) if networks else ()
    empty = [name for place, name in enumerate(LABELS) if all(line.cells[place].ours is None for line in lines)]
    told = []
    if missing := [name for name in empty if known and name not in known]:
        told.append(f"These data have no label {', '.join(missing)}; the mean is over theirs: {', '.join(known)}.")
    if undefined := [name for name in empty if name in known]:
        told.append(f"No AUC for {', '.join(undefined)}: on test its known values are all the same.")
    return told


def _cost(measured: Measured) -> list[str]:
    """The claim that a step with L_CD costs at least four of cross entropy, by the seconds of an epoch's training."""
    with_maps, plain = (_epoch_seconds(measured.trial(row=name)) for name in ("one_stage", "cross_entropy"))
    if with_maps is None or plain is None:
        return []
    times = with_maps / plain
    return [
        f"The paper says that a step with L_CD took at least 4 times as long as one of cross entropy. Here an epoch of training took "
        f"{times:.1f} times as long ({with_maps:.1f} s and {plain:.1f} s), reading the images included, so that it "
        f"{'holds' if times >= 4 else 'does not hold'} of this implementation."
    ]


def _epoch_seconds(row: ResultRow | None) -> float | None:
    """Mean seconds that an epoch's training took, without its validation."""
    seconds = row.seconds.get("fit/train") if row else None
    return seconds / row.epochs if row and seconds and row.epochs else None


def losses(measured: Measured) -> list[PaperTable]:
    """Table 4.2: AUC by loss after 5 epochs; Table 4.3: calibration errors by temperature scaling."""
    areas = [
        measured.line((label,), AREAS, measured.trial(row=name), printed(paper))
        for name, (label, paper, _) in LOSSES.items()
    ]
    errors = []
    for name, (label, _, paper) in LOSSES.items():
        row, theirs = measured.trial(row=name), (*printed(paper), None)
        cells = tuple(
            Cell(paper=each, ours=measured.found(row, task, ECE) if row else None)
            for each, (_, task) in zip(theirs, CALIBRATION, strict=True)
        )
        errors.append(Line(names=(label,), cells=cells))
    columns = tuple(Column(title=title, metric="ece", digits=4) for title, _ in CALIBRATION)
    return [
        PaperTable(
            title="Table 4.2, AUC by loss",
            heads=("loss",),
            columns=AREAS,
            lines=tuple(areas),
            remarks=(*_without_area(measured, areas), STARTS),
        ),
        PaperTable(
            title="Table 4.3, calibration error by loss",
            heads=("loss",),
            columns=columns,
            lines=tuple(errors),
            remarks=("The paper fits one temperature for all labels; a temperature a label is ours.",),
        ),
    ]


def backbones(measured: Measured) -> list[PaperTable]:
    """The claim that every backbone reaches a mean AUC over 0.8."""
    lines = [
        measured.line((label,), AREAS, measured.trial(backbone=name), is_ours=True) for name, label in BACKBONES.items()
    ]
    told = []
    for name, label in BACKBONES.items():
        row = measured.trial(backbone=name)
        found = measured.found(row, "", AREAS[-1]) if row else None
        if found is not None:
            verdict = "holds" if found.value > 0.8 else "does not hold"
            told.append(f"{label}: {found.value:.3f}, so that it {verdict} here.")
    claim = "The paper says that all three reached a mean AUC over 0.8 after 15 epochs. " + " ".join(told)
    return [
        PaperTable(
            title="Backbones, AUC",
            heads=("backbone",),
            columns=AREAS,
            lines=tuple(lines),
            remarks=(*_without_area(measured, lines), claim, STARTS),
        )
    ]


def search(measured: Measured) -> list[PaperTable]:
    """The three lines of the search, by their values."""
    tables = []
    for line, title in (
        ("learning_rate", "Learning rates (Fig. 4.3)"),
        ("dropout", "Dropout rates (Fig. 4.4)"),
        ("lambda_cd", "lambda_1 (grid search)"),
    ):
        rows = sorted(measured.trials(line=line), key=lambda row: float(row.params[line]))
        columns = (Column(title="mean AUC on val", metric="val/auroc", digits=3), *RELIABILITY)
        lines = tuple(measured.line((f"{row.params[line]:g}",), columns, row, is_ours=True) for row in rows)
        remarks = []
        scored = [(row.metrics.get("val/auroc"), row) for row in rows]
        known = [(value, row) for value, row in scored if value is not None]
        if line == "lambda_cd" and known:
            best = max(known, key=lambda pair: pair[0])[1]
            remarks = [f"The paper's best lambda_1 is about 1.4; ours by AUC on val is {best.params[line]:g}."]
        tables.append(PaperTable(title=title, heads=(line,), columns=columns, lines=lines, remarks=tuple(remarks)))
    return tables


def mimo(measured: Measured) -> list[PaperTable]:
    """MIMO networks of 1 to 4 heads beside one network and deep ensembles, with what a prediction costs."""
    columns = (*RELIABILITY, Column(title="forward passes", metric="passes", digits=0))
    names = {"network": "one network", **{f"mimo_{m}": f"MIMO, M = {m}" for m in (1, 2, 3, 4)}}
    lines = [_with_passes(measured, label, measured.trial(row=name), 1) for name, label in names.items()]
    lines += [
        _with_passes(measured, f"deep ensemble of {len(row.members)}", row, len(row.members))
        for row in measured.findings.ensembles
    ]
    remark = "The paper describes MIMO networks and prints no table of them: all rows are ours."
    return [PaperTable(title="MIMO", heads=("network",), columns=columns, lines=tuple(lines), remarks=(remark,))]


def _with_passes(measured: Measured, label: str, row: ResultRow | None, passes: int) -> Line:
    line = measured.line((label,), RELIABILITY, row, is_ours=True)
    cost = Cell(ours=Found(value=passes)) if row else Cell()
    return Line(names=line.names, cells=(*line.cells, cost), is_ours=True)
