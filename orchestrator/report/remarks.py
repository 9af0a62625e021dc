"""Sentences that data and tasks want a reader to know; those that differ only in their numbers are told once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.figures.words import task_label
from orchestrator.report.findings import Findings
from orchestrator.report.text import some_names
from orchestrator.results import network_tasks, undefined_tasks

TWO_STAGES = (
    "Trained in two stages: epochs and seconds in the tables are those of the second one. The curves of both are in Search, the "
    "seconds of both in Origin."
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A sentence, and whom it is about."""

    text: str
    about: str


def remarks_of(findings: Findings) -> list[Remark]:
    """Remarks of the data first, then those of the trainings and of the tasks."""
    alike: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, about in _all(findings):
        alike[NUMBER.sub("#", text)].append((text, about))
    return [
        Remark(
            text=_merged([text for text, _ in pairs]), about=some_names(list(dict.fromkeys(who for _, who in pairs)))
        )
        for pairs in alike.values()
    ]


def _all(findings: Findings) -> Iterator[tuple[str, str]]:
    for key in dict.fromkeys(row.data_key for row in findings.rows):
        for text in findings.table(key).get("remarks", ()):
            yield text, "data"
    for network in findings.rows:
        if network.first_key:
            yield TWO_STAGES, network.name
        if network.state == "completed":
            for task, why in undefined_tasks(network_tasks(findings.definition), network).items():
                yield f"Left out: {task_label(task)}, because {why}.", network.name
    for row in findings.results:
        for text in row.remarks:
            yield text, row.name


def _merged(texts: Sequence[str]) -> str:
    """`12 of 64` and `16 of 64` as `12 to 16 of 64`."""
    columns = zip(*(NUMBER.findall(text) for text in texts), strict=True)
    numbers = iter([_span(column) for column in columns])
    return NUMBER.sub(lambda _: next(numbers), texts[0])


def _span(numbers: Sequence[str]) -> str:
    if len(set(numbers)) == 1:
        return numbers[0]
    ordered = sorted(numbers, key=lambda number: float(number.replace(",", "")))
    return f"{ordered[0]} to {ordered[-1]}"
