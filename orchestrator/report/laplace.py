"""The table of the Laplace posteriors: what each structure reaches on test, and the seconds of its two stages (paper P0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.figures.words import task_label
from orchestrator.report.findings import Findings
from orchestrator.report.text import number_text, seconds_text
from orchestrator.results import ResultRow

MOST_NETWORKS = 12


@dataclass(frozen=True, kw_only=True)
class LaplaceLine:
    """One posterior, or the network before any.

    Attributes:
        model: the network's architecture and the name of its row; empty in the further lines of a network.
        hessian: the structure; `full → Kronecker` where the full one did not fit.
        accuracy, ece, nll: on test.
        fit: seconds of the Gauss-Newton matrix and its decomposition, as text.
        optimisation: those of the choice of the prior precision.
    """

    model: str
    hessian: str
    accuracy: str
    ece: str
    nll: str
    fit: str
    optimisation: str


def laplace_lines(findings: Findings) -> list[LaplaceLine]:
    """A line for every posterior of the first networks, the best one first; empty where a sweep has none."""
    with_posterior = [row for row in findings.networks if _tasks(row)]
    return [line for row in with_posterior[:MOST_NETWORKS] for line in _lines(findings, row)]


def model_name(spec: Mapping[str, Any]) -> str:
    """What an architecture is called in a table: its name where it has one, else its kind."""
    model = spec.get("model", {})
    return str(model.get("name") or model.get("backbone") or model.get("kind") or "network")


def _lines(findings: Findings, row: ResultRow) -> list[LaplaceLine]:
    model = f"{model_name(findings.meta(row.key).get('spec', {}))}, {row.name}"
    lines = [_line(row, "", model, "none")] if "test/nll" in row.metrics else []
    for task in _tasks(row):
        hessian = task_label(task).removeprefix("Laplace, ")
        if row.metrics.get(f"{task}/train/fell_back_to_kron"):
            hessian += " → Kronecker"
        lines.append(_line(row, task, "" if lines else model, hessian))
    return lines


def _line(row: ResultRow, task: str, model: str, hessian: str) -> LaplaceLine:
    prefix = f"{task}/" if task else ""
    accuracy, ece, nll = (number_text(row.metrics.get(f"{prefix}test/{name}")) for name in ("accuracy", "ece", "nll"))
    fit, optimisation = (
        seconds_text(row.seconds.get(f"{task}/{stage}") if task else None) for stage in ("fit", "prior_precision")
    )
    return LaplaceLine(
        model=model, hessian=hessian, accuracy=accuracy, ece=ece, nll=nll, fit=fit, optimisation=optimisation
    )


def _tasks(row: ResultRow) -> list[str]:
    return [task for task in row.results if task.startswith("laplace")]
