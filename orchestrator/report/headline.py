"""The first screen: what was found, in words and in a few large numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.counts import copies_told, interval_of, trial_counts
from orchestrator.figures.words import metric_label
from orchestrator.report.findings import Findings
from orchestrator.report.intervals import accuracy_interval
from orchestrator.report.summary import pareto_front
from orchestrator.report.text import DASH, number_text, params_text, percent_text, plural
from orchestrator.results import ResultRow

SHOWN = ("completed", "stopped", "failed", "running")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A large number with what it is and what it means."""

    value: str
    title: str
    note: str = ""


def progress_text(findings: Findings) -> str:
    """How many trials ended in which way."""
    states = [row.state for row in findings.results if row.kind == "trial"]
    wanted, population = findings.definition["trials"], interval_of(findings.definition) > 0
    counts = trial_counts(states, wanted=wanted, population=population)
    told = ", ".join(f"{counts[state]} {state}" for state in SHOWN if counts[state]) or "none started"
    if population:
        copies = max(0, len(states) - wanted)
        return f"A population of {wanted}: {told}; {copies_told(copies)}."
    return f"{len(states)} of {plural(wanted, 'trial')} drawn: {told}."


def sentences(findings: Findings) -> list[str]:
    """The result in words."""
    if findings.best is None:
        return ["No trial is complete, so there is no best network yet. What there is so far stands below."]
    told = [
        _best_sentence(findings, findings.best),
        *_study_sentence(findings, findings.best),
        *_calibration_sentence(findings.best),
        *_ensemble_sentence(findings),
        *_baseline_sentences(findings),
    ]
    if len(findings.objectives) > 1:
        front = ", ".join(row.name for row in pareto_front(findings.results, findings.objectives))
        told.append(f"Pareto front of the {len(findings.objectives)} objectives: {front}.")
    return told


def tiles(findings: Findings) -> list[Tile]:
    """Large numbers of the best network and the best ensemble; those that are not there are left out."""
    best, ensemble = findings.best, findings.best_ensemble
    if best is None:
        return []
    judged = _auroc_tile if findings.multilabel(best.key) else _accuracy_tile
    found = [judged(findings, best, "best network")]
    if ensemble is not None:
        found.append(judged(findings, ensemble, f"ensemble of {len(ensemble.members)}"))
    found.append(_ece_tile(best))
    gain = best.metrics.get("aopc/test/aopc_gain", best.metrics.get("aopc/val/aopc_gain"))
    if gain is not None:
        found.append(
            Tile(
                value=f"{gain:+z.3f}",
                title="AOPC over random order",
                note="above 0, Grad-CAM points at what the network uses",
            )
        )
    return [tile for tile in found if tile.value != DASH]


def _best_sentence(findings: Findings, best: ResultRow) -> str:
    objective = findings.first_objective
    value = number_text(best.metrics.get(objective.metric))
    drawn = f" ({params_text(best.params)})" if best.params else ""
    by = f"chosen by {metric_label(objective.metric)} ({value}); test took no part in the choice"
    sentence = f"Best trial: {best.name}{drawn}, {by}."
    judged = _judged(findings, best.key, best.metrics)
    return f"{sentence} It {judged or 'has not been evaluated on test'}."


def _study_sentence(findings: Findings, best: ResultRow) -> list[str]:
    accuracy, area = best.metrics.get("test/study_accuracy"), best.metrics.get("test/study_auroc")
    if accuracy is None:
        return []
    what = "of the known labels of studies" if findings.multilabel(best.key) else "of the studies"
    return [
        f"With its probabilities averaged over the images of a study (a visit), it is right about {percent_text(accuracy)} "
        f"{what}; AUROC {number_text(area)}."
    ]


def _judged(findings: Findings, key: str, metrics: Mapping[str, float | None]) -> str:
    """What a network or baseline reaches on test, empty where nobody has looked.

    Most labels of an image are absent, so that being right about them says little: there the area under the ROC curve counts.
    """
    accuracy, area = metrics.get("test/accuracy"), metrics.get("test/auroc")
    if findings.multilabel(key):
        told = f"reaches {area:z.3f}" if area is not None else "has no label"
        return f"{told} in AUROC on test, the mean over the labels where it is defined" if accuracy is not None else ""
    return f"classifies {percent_text(accuracy)} of the test images correctly" if accuracy is not None else ""


def _calibration_sentence(best: ResultRow) -> list[str]:
    before, after = best.metrics.get("test/ece"), best.metrics.get("temperature/test/ece")
    fitted = best.metrics.get("temperature/calib/temperature")
    if before is None or after is None:
        return []
    by = f"Temperature scaling (T = {fitted:z.2f})" if fitted is not None else "Temperature scaling"
    if after < before:
        return [f"{by} brings its expected calibration error from {before:z.3f} to {after:z.3f}."]
    return [f"{by} does not lower its expected calibration error: {before:z.3f} before, {after:z.3f} after."]


def _baseline_sentences(findings: Findings) -> list[str]:
    """One for every baseline that differs: data sets that differ in training labels only are judged alike."""
    told = (_judged(findings, each.key, each.metrics) for each in findings.baselines)
    return [f"A linear model on the pixels of the same splits {judged}." for judged in dict.fromkeys(told) if judged]


def _ensemble_sentence(findings: Findings) -> list[str]:
    ensemble = findings.best_ensemble
    if ensemble is None or ensemble.metrics.get("test/accuracy") is None:
        return []
    judged = _judged(findings, ensemble.key, ensemble.metrics)
    after = number_text(ensemble.metrics.get("temperature/test/ece"))
    nll = number_text(ensemble.metrics.get("temperature/test/nll"))
    members = plural(len(ensemble.members), "network")
    return [f"Best ensemble: {ensemble.name} of {members} {judged}; NLL {nll} and ECE {after} after temperature."]


def _auroc_tile(findings: Findings, row: ResultRow, title: str) -> Tile:
    area = number_text(row.metrics.get("test/auroc"))
    return Tile(
        value=area, title=f"AUROC, {title}", note=f"{row.name}; on test, mean over the labels where it is defined"
    )


def _accuracy_tile(findings: Findings, row: ResultRow, title: str) -> Tile:
    accuracy = row.metrics.get("test/accuracy")
    note = row.name
    interval = accuracy_interval(findings, row)
    if interval is not None:
        note += f"; 95 % interval {100 * interval.low:z.0f} to {100 * interval.high:z.0f} % over {interval.units}"
    return Tile(value=DASH if accuracy is None else percent_text(accuracy), title=f"accuracy, {title}", note=note)


def _ece_tile(best: ResultRow) -> Tile:
    before, after = best.metrics.get("test/ece"), best.metrics.get("temperature/test/ece")
    if after is None:
        return Tile(value=number_text(before), title="calibration error (ECE)", note="uncalibrated, on test")
    value = f"{number_text(before)} → {number_text(after)}"
    return Tile(value=value, title="calibration error (ECE)", note="on test, before and after temperature scaling")
