"""How many trials of a sweep stand where. Of a population its members are counted, and not their copies once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.pace import planned_epochs
from orchestrator.storage.rows import Row
from search_spaces.schedulers import Pbt

STATES = ("running", "completed", "stopped", "failed")


@dataclass(frozen=True, kw_only=True)
class Generations:
    """How far a population is.

    Attributes:
        generation: the one that trains or was trained last, from 1.
        generations: how many there are when every member runs to its end.
        copies: rows that have taken the place of worse ones.
    """

    generation: int
    generations: int
    copies: int

    def told(self) -> str:
        """For people."""
        return f"generation {self.generation} of {self.generations}, {copies_told(self.copies)}"


def copies_told(copies: int) -> str:
    """How many copies of better members there were, for people."""
    if copies == 0:
        return "no copy yet"
    return "1 copy took the place of a worse one" if copies == 1 else f"{copies} copies took the places of worse ones"


def interval_of(definition: Mapping[str, Any]) -> int:
    """Epochs between two comparisons of a sweep that is a population; 0 of another one."""
    scheduler = definition.get("scheduler") or {}
    return int(scheduler.get("interval", Pbt.interval)) if scheduler.get("kind") == "pbt" else 0


def trial_counts(states: Sequence[str], *, wanted: int, population: bool) -> dict[str, int]:
    """How many trials are `running`, `completed`, `stopped` and `failed`.

    In a population a member that has given way is its copy from then on: nothing of it is stopped, and a member that has failed
    counts as failed only until a copy has its place. So there are never more than `wanted`.

    Args:
        states: of the rows of trials.
        wanted: how many trials the sweep has, or members its population.
        population: whether it is one.
    """
    told = Counter(states)
    counts = {state: told[state] for state in STATES}
    if population:
        copies = max(0, len(states) - wanted)
        after_failure = max(0, copies - counts["stopped"])
        counts["failed"] = max(0, counts["failed"] - after_failure)
        counts["running"] = min(counts["running"], wanted - counts["completed"] - counts["failed"])
        counts["stopped"] = 0
    return counts


def generations_of(rows: Iterable[Row], *, interval: int, wanted: int) -> Generations | None:
    """How far a population is, from its rows; None of another sweep, and of one that has drawn nothing.

    Args:
        rows: of the ledger.
        interval: epochs between two comparisons; 0 of a sweep that is none.
        wanted: members of the population.
    """
    trials = [row for row in rows if row.kind == "trial"]
    if not interval or not trials:
        return None
    epochs = max(map(planned_epochs, trials))
    passed = max(row.born if not row.reports else row.reports[-1].epoch - 1 for row in trials) // interval
    return Generations(
        generation=1 + passed,
        generations=1 + (epochs - 1) // interval,
        copies=max(0, len(trials) - wanted),
    )
