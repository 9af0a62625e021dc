"""The part of the report that stands beside a source paper: tables, figures, and what differs from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.report.findings import Findings
from orchestrator.report.papers import p0, p1, p2, p3, p3_open, p4
from orchestrator.report.papers.figures import PaperFigure, by_epoch, by_value, samples
from orchestrator.report.papers.measured import Measured
from orchestrator.report.papers.questions import Question, questions
from orchestrator.report.papers.tables import PaperTable
from orchestrator.report.pictures import Picture, Studio

Tables: TypeAlias = Callable[[Measured], list[PaperTable]]
Figures: TypeAlias = Callable[[Measured, Studio], list[PaperFigure]]

TITLES = {
    "p0": "P0: last-layer Laplace on MURA",
    "p1": "P1: ensembles and aggregated explanations on MURA",
    "p2": "P2: saliency losses, imbalance losses and calibration on CheXpert",
    "p3": "P3: AOPC on COVID-19 Radiography",
    "p4": "P4: attentive response maps on ImageCLEF 2009",
}
TABLES: Mapping[str, Tables] = {
    "p0_mura_laplace": p0.tables,
    "p1_mura_ensembles": p1.tables,
    "p2_chexpert_losses": p2.losses,
    "p2_chexpert_ablation": p2.ablation,
    "p2_chexpert_backbones": p2.backbones,
    "p2_chexpert_search": p2.search,
    "p2_chexpert_mimo": p2.mimo,
    "p3_covid_aopc": p3.tables,
    "p3_covid_open": p3_open.tables,
    "p4_imageclef_attentive": p4.tables,
}
"""By the name of the space."""


@dataclass(frozen=True, kw_only=True)
class PaperPage:
    """A paper beside the sweep.

    Attributes:
        title: which paper.
        scale: `paper`, or `small`.
        differences: (setting, paper's, ours) of the settings that differ.
        tables: filled as far as the sweep is.
        figures: where each of the paper's is, or its pictures.
        questions: what the paper left open, answered.
    """

    title: str
    scale: str
    differences: tuple[tuple[str, str, str], ...]
    tables: tuple[PaperTable, ...]
    figures: tuple[PaperFigure, ...] = ()
    questions: tuple[Question, ...] = ()


def paper_tables(findings: Findings) -> tuple[PaperTable, ...]:
    """The paper's tables; none of a sweep that is no paper's."""
    tables = TABLES.get(findings.definition.get("space", ""))
    return tuple(tables(Measured(findings))) if tables else ()


def paper_questions(findings: Findings) -> tuple[Question, ...]:
    """What the paper left open; nothing of a sweep that is no paper's."""
    return questions(findings.definition.get("space", ""), Measured(findings))


def paper_page(findings: Findings, studio: Studio) -> PaperPage | None:
    """The paper's part of the report; None of a sweep that is no paper's."""
    space = findings.definition.get("space", "")
    if space not in TABLES:
        return None
    return PaperPage(
        title=TITLES[space[:2]],
        scale=findings.definition.get("scale", "paper"),
        differences=tuple(
            (each["setting"], each["paper"], each["here"]) for each in findings.definition.get("differences", ())
        ),
        tables=paper_tables(findings),
        figures=tuple(FIGURES[space](Measured(findings), studio)),
        questions=paper_questions(findings),
    )


def _p0(measured: Measured, studio: Studio) -> list[PaperFigure]:
    losses = {"train/loss": "train", "val/nll": "val, NLL"}
    return [
        PaperFigure(
            name="Fig. 1",
            what="loss per epoch",
            pictures=by_epoch(measured, studio, measured.trial(), losses, "Fig. 1", "cross entropy"),
        ),
        PaperFigure(name="Fig. 2", what="samples", samples=samples(measured)),
        PaperFigure(name="Fig. 3", what="class activation maps over radiographs", section="explanations"),
    ]


def _p1(measured: Measured, studio: Studio) -> list[PaperFigure]:
    return [
        PaperFigure(name="Fig. 1", what="maps of posterior samples and of members, aggregated", section="explanations"),
        PaperFigure(name="Figs 2, 3", what="maps of members, single and aggregated", section="explanations"),
        PaperFigure(name="Fig. 4", what="rotated by 45 degrees, with each prediction", section="explanations"),
    ]


def _p2_losses(measured: Measured, studio: Studio) -> list[PaperFigure]:
    pictures: list[Picture] = []
    for row in measured.trials():
        name = str(row.params.get("row") or row.params.get("backbone") or row.name)
        metrics = {"train/loss": "loss on train", "val/nll": "NLL on val", "val/auroc": "mean AUC on val"}
        pictures += by_epoch(measured, studio, row, metrics, name, "")
    return [
        PaperFigure(name="Fig. 4.2", what="loss and AUC per epoch", pictures=tuple(pictures)),
        PaperFigure(name="Figs 4.5, 4.6", what="saliency maps of the same images by row", section="explanations"),
        PaperFigure(name="Reliability", what="before and after temperature", section="calibration"),
    ]


def _p2_search(measured: Measured, studio: Studio) -> list[PaperFigure]:
    wanted = (("learning_rate", "Fig. 4.3"), ("dropout", "Fig. 4.4"), ("lambda_cd", "lambda_1"))
    return [
        PaperFigure(
            name=name,
            what=f"AUC on val per epoch by {line}",
            pictures=by_value(measured, studio, measured.trials(line=line), line, "val/auroc", name),
        )
        for line, name in wanted
    ]


def _p2_mimo(measured: Measured, studio: Studio) -> list[PaperFigure]:
    return [PaperFigure(name="Reliability", what="before and after temperature", section="calibration")]


def _p3(measured: Measured, studio: Studio) -> list[PaperFigure]:
    figures = [PaperFigure(name="Fig. 1", what="samples", samples=samples(measured))]
    for number, (backbone, label) in zip((2, 3), p3.NETWORKS.items(), strict=True):
        row = measured.trial(backbone=backbone)
        classes = measured.findings.classes(row.key) if row else ()
        metrics = {f"val/recall/{name}": name for name in classes}
        title = f"Fig. {number}, {label}"
        pictures = by_epoch(measured, studio, row, metrics, title, "recall on val")
        figures.append(
            PaperFigure(name=f"Fig. {number}", what=f"recall by class and epoch, {label}", pictures=pictures)
        )
    return [
        *figures,
        PaperFigure(name="Figs 4, 5", what="the classification reports above"),
        PaperFigure(name="Fig. 6", what="heatmaps", section="explanations"),
        PaperFigure(name="Fig. 7", what="overlays at several opacities", section="explanations"),
        PaperFigure(name="Fig. 8", what="AOPC per step", section="explanations"),
    ]


def _p3_open(measured: Measured, studio: Studio) -> list[PaperFigure]:
    return [PaperFigure(name="Maps", what="of the same images by row, and their AOPC", section="explanations")]


def _p4(measured: Measured, studio: Studio) -> list[PaperFigure]:
    wanted = (
        ("Fig. 3", "deeper_augmented", "attentive response maps, {network}"),
        ("Fig. 4", "deeper", "attentive response maps, {network}"),
        ("Fig. 5", "shallow", "single maps of the top 5 units, {network}"),
        ("Fig. 6", "deeper_augmented", "single maps of the top 9 units of an error, {network}"),
    )
    figures = []
    for name, row, what in wanted:
        found = measured.trial(row=row)
        network = f"{p4.ROWS[row][0]} ({found.name})" if found else p4.ROWS[row][0]
        anchor = f"attentive-{found.name}" if found and found.results.get("attentive") else ""
        figures.append(PaperFigure(name=name, what=what.format(network=network), section="explanations", anchor=anchor))
    return figures


FIGURES: Mapping[str, Figures] = {
    "p0_mura_laplace": _p0,
    "p1_mura_ensembles": _p1,
    "p2_chexpert_losses": _p2_losses,
    "p2_chexpert_ablation": _p2_losses,
    "p2_chexpert_backbones": _p2_losses,
    "p2_chexpert_search": _p2_search,
    "p2_chexpert_mimo": _p2_mimo,
    "p3_covid_aopc": _p3,
    "p3_covid_open": _p3_open,
    "p4_imageclef_attentive": _p4,
}
