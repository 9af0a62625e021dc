"""The maps of every AOPC task of a sweep: curves, scores with their intervals, and radiographs with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from orchestrator.compared import aopc_tasks
from orchestrator.figures.perturbation import draw_perturbation
from orchestrator.figures.words import explainer_label
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Gallery
from orchestrator.report.pictures import MOST_NETWORKS, Picture, Studio
from orchestrator.report.saliency import saliency_gallery
from orchestrator.results import ResultRow
from trainables.spec import Aopc

SCORES = {
    "aopc": "AOPC",
    "aopc_random": "random order",
    "aopc_gain": "gain",
    "pointing_game": "pointing game",
    "energy_inside": "energy inside",
    "rank_accuracy": "rank accuracy",
    "best_iou": "best IoU",
    "mask_share": "share of the mask",
    "inside_lungs": "inside the lungs",
    "lungs_share": "share of the lungs",
}
"""Metrics of a table and their heads; those that no network has are left out."""
PERTURBED = {
    "noise": "shows itself plus normal noise of deviation {noise:g}",
    "uniform": "shows uniform noise",
    "mean": "shows the image's mean",
    "blur": "is blurred",
    "neighbours": "shows the mean of its neighbours",
}


@dataclass(frozen=True, kw_only=True)
class ExplainedTask:
    """What the report shows of an AOPC task.

    Attributes:
        method: name of the method, for people.
        convention: how the maps were scored, in a sentence.
        curves: perturbation curves, the best network first.
        heads, lines: the table of scores; its first column names the network.
        gallery: radiographs with their maps; None where no network has any.
        least_first: whether the least relevant regions go first, so that a good map has a small area.
    """

    method: str
    convention: str
    curves: list[Picture]
    heads: list[str]
    lines: list[list[str]]
    gallery: Gallery | None
    least_first: bool


def explained_tasks(findings: Findings, studio: Studio) -> list[ExplainedTask]:
    """A section for each AOPC task that has a result."""
    sections = []
    for task in aopc_tasks(findings.definition):
        curves, lines = _curves(findings, studio, task), _lines(findings, task)
        gallery = saliency_gallery(findings, studio, task)
        if curves or lines or gallery:
            heads = [label for metric, label in SCORES.items() if any(metric in line for _, line in lines)]
            shown = [metric for metric, label in SCORES.items() if label in heads]
            sections.append(
                ExplainedTask(
                    method=explainer_label(task.explainer),
                    convention=_convention(task),
                    curves=curves,
                    heads=["Network", *heads],
                    lines=[[name, *(line.get(metric, "-") for metric in shown)] for name, line in lines],
                    gallery=gallery,
                    least_first=task.order == "least_relevant_first",
                )
            )
    return sections


def _curves(findings: Findings, studio: Studio, task: Aopc) -> list[Picture]:
    pictures = []
    for row in findings.networks[:MOST_NETWORKS]:
        tensors = findings.tensors(row.results.get(task.name))
        if "curve" in tensors:
            label = f"perturbation curve of {row.name} against a random order, {explainer_label(task.explainer)}"
            draw = partial(draw_perturbation, tensors=tensors, title=f"{row.name}{_aopc_text(row, task)}")
            pictures.append(studio.panel(draw, label, width=3.6, height=3))
    return pictures


def _lines(findings: Findings, task: Aopc) -> list[tuple[str, dict[str, str]]]:
    lines = []
    for row in findings.networks[:MOST_NETWORKS]:
        prefix = f"{task.name}/{task.split}/"
        values = {metric: _with_interval(row, prefix + metric) for metric in SCORES}
        found = {metric: text for metric, text in values.items() if text}
        if found:
            lines.append((row.name, found))
    return lines


def _with_interval(row: ResultRow, metric: str) -> str:
    value = row.metrics.get(metric)
    if value is None:
        return ""
    low, high = row.metrics.get(f"{metric}/low"), row.metrics.get(f"{metric}/high")
    return f"{value:z.3f}" if low is None or high is None else f"{value:z.3f} ({low:z.3f} to {high:z.3f})"


def _aopc_text(row: ResultRow, task: Aopc) -> str:
    along, control = (row.metrics.get(f"{task.name}/{task.split}/{metric}") for metric in ("aopc", "aopc_random"))
    return "" if along is None or control is None else f"\nAOPC {along:z.3f}, random {control:z.3f}"


def _convention(task: Aopc) -> str:
    regions = f"{task.cells} x {task.cells} regions" if task.cells else "as many regions as the map has cells"
    followed = "the probability" if task.output == "probability" else "the logit"
    order = "most" if task.order == "most_relevant_first" else "least"
    shows = PERTURBED[task.perturbation].format(noise=task.noise)
    return f"{regions}, the {order} relevant first; a perturbed region {shows}; {followed} of the predicted class is followed"
