"""The columns of the results table, shared by terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator.figures.words import metric_label
from orchestrator.results import ResultRow
from search_spaces.objective import Objective
from trainables.spec import nearest

SECONDS = "seconds/"
LAPLACE_FIRST = ("laplace_kron", "laplace_full", "laplace_diag")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of numbers.

    Attributes:
        title: in the head.
        note: what it means, in full.
        value: of a row; None where the row has none.
        digits: shown after the point.
    """

    title: str
    note: str
    value: Callable[[ResultRow], float | None]
    digits: int = 3


def columns_of(rows: Sequence[ResultRow], objectives: Sequence[Objective]) -> list[Column]:
    """Objectives first, then test: as it is, after temperature, under Laplace, AOPC; last the seconds.

    Columns of tasks that the sweep has not are left out; of labels, AUROC is there too.
    """
    laplace = shown_laplace(rows)
    columns = [
        Column(
            title=_objective_title(each, objectives),
            note=f"{metric_label(each.metric)} ({each.mode})",
            value=metric(each.metric),
        )
        for each in objectives
    ]
    of_labels = any("val/auprc" in row.metrics for row in rows)  # which are judged by their curves first of all
    columns += [
        _test(name, title)
        for name, title in (
            ("accuracy", "Accuracy"),
            *((("auroc", "AUROC"),) if of_labels else ()),
            ("macro_f1", "F1"),
            ("nll", "NLL"),
            ("brier", "Brier"),
            ("ece", "ECE"),
        )
    ]
    columns.append(_test("temperature/ece", "ECE temp."))
    if laplace:
        columns += [_test(f"{laplace}/ece", "ECE Lapl."), _test(f"{laplace}/nll", "NLL Lapl.")]
    if any(_aopc_name(row) for row in rows):
        columns.append(Column(title="AOPC", note="area over the perturbation curve of Grad-CAM", value=_aopc))
    columns.append(Column(title="Seconds", note="training and post-hoc tasks", value=total_seconds, digits=1))
    return columns


def metric(name: str) -> Callable[[ResultRow], float | None]:
    """Reads a metric of a row, or seconds as `seconds/<task>/<stage>`."""
    if name.startswith(SECONDS):
        return lambda row: row.seconds.get(name.removeprefix(SECONDS))
    return lambda row: row.metrics.get(name)


def shown_laplace(rows: Sequence[ResultRow]) -> str | None:
    """The Laplace task that stands for all in a narrow table: Kronecker where there is one."""
    found = {task for row in rows for task in row.results if task.startswith("laplace")}
    return next((name for name in (*LAPLACE_FIRST, *sorted(found)) if name in found), None)


def total_seconds(row: ResultRow) -> float | None:
    """Seconds of training and of every post-hoc task; of an ensemble its own."""
    own = [value for stage, value in row.seconds.items() if stage.startswith("fit/") or stage.endswith("/total")]
    return sum(own) if own else None


def _objective_title(objective: Objective, objectives: Sequence[Objective]) -> str:
    return "Objective" if len(objectives) == 1 else f"Objective {objectives.index(objective) + 1}"


def _test(name: str, title: str) -> Column:
    *task, last = name.split("/")
    full = "/".join([*task, "test", last])
    return Column(title=title, note=metric_label(full), value=metric(full))


def _aopc_name(row: ResultRow) -> str | None:
    return next((name for name in ("aopc/test/aopc", "aopc/val/aopc") if name in row.metrics), None)


def _aopc(row: ResultRow) -> float | None:
    name = _aopc_name(row)
    return row.metrics[name] if name else None


def chosen_columns(rows: Sequence[ResultRow], patterns: Sequence[str]) -> list[Column]:
    """Columns of the metrics that patterns such as `test/auroc/*` match, in the order of the patterns.

    Patterns that begin with `seconds/` match stages: `seconds/laplace_*/fit`.

    Raises:
        ValueError: a pattern that no metric matches.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    stages = list(dict.fromkeys(SECONDS + name for row in rows for name in row.seconds))
    found: dict[str, None] = {}
    for pattern in patterns:
        known = stages if pattern.startswith(SECONDS) else names
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching:
            raise ValueError(f"--metric {pattern}: no result has such a metric. {nearest(pattern, known)[:400]}")
        found |= dict.fromkeys(matching)
    return [Column(title=name, note=_note(name), value=metric(name)) for name in found]


def _note(name: str) -> str:
    return name if name.startswith(SECONDS) else metric_label(name)
