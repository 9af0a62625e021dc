"""The generations of a population, from the rows of the ledger alone (`search_spaces.population`).

A row that has come to the end of its interval waits: it stays `running`, and no worker has it. When all wait, the worst rows
end as `stopped`, new rows go on from the best, and the others go on as they are. What a generation decides follows from
reports up to its epoch and from the sweep's seed, and the numbers of new rows from how many there were before, so that a
start after a kill decides the same again and adds what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.storage.ledger import Report, Row
from orchestrator.sweep.preparation import Preparation
from orchestrator.sweep.rows import new_row
from orchestrator.trial import step_name
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.population import Draw, explore, replacements
from search_spaces.schedulers import Pbt
from search_spaces.sweep import Sweep
from trainables.spec import TrialSpec, from_plain

MakeRow = Callable[[int, TrialSpec, str], Row]


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What a comparison decides.

    Attributes:
        made: new rows that are not there yet.
        ended: names of rows that give way, with the reason.
        going_on: names of rows that go on, the new ones first.
    """

    made: list[Row]
    ended: dict[str, str]
    going_on: list[str]


def population_of(sweep: Sweep, overrides: Overrides, preparation: Preparation) -> Population | None:
    """The population of a sweep; None of one that has another scheduler."""
    if not isinstance(sweep.scheduler, Pbt):
        return None
    return Population(
        sweep.scheduler,
        sweep.objectives[0],
        seed=sweep.seed,
        draw=lambda trial: overrides.draw(sweep.space, trial),
        make_row=lambda number, spec, parent: new_row(preparation, "trial", number, spec, parent=parent),
    )


class Population:
    """Compares the members of a sweep.

    Args:
        pbt: when, and how many give way.
        objective: what is compared, at the epoch of the comparison.
        seed: of the sweep.
        draw: the space, with the user's fixed values.
        make_row: a row of a number and a description that goes on from an epoch of a chain.
    """

    def __init__(self, pbt: Pbt, objective: Objective, *, seed: int, draw: Draw, make_row: MakeRow) -> None:
        self.interval = pbt.interval
        self._pbt = pbt
        self._objective = objective
        self._seed = seed
        self._draw = draw
        self._make_row = make_row

    @property
    def lineage(self) -> str:
        """What the key of a first member is made from: a chain that keeps the states that others may go on from."""
        return f"population/every-{self.interval}-epochs"

    def until(self, row: Row) -> int:
        """The epoch at which the row waits next."""
        last = _last(row)
        return (last // self.interval + 1) * self.interval

    def in_interval(self, row: Row, stored: Iterable[Report]) -> list[Report]:
        """The reports of a chain up to where the row waits; an equal population may have taken the chain further."""
        until = self.until(row)
        return [report for report in stored if report.epoch <= until]

    def waits(self, row: Row) -> bool:
        """Whether a row has come to the end of its interval."""
        reported = bool(row.reports) and not row.reports[-1].finished
        return row.state == "running" and reported and row.reports[-1].epoch % self.interval == 0

    def next_generation(self, rows: Mapping[str, Row]) -> Generation | None:
        """What the earliest comparison decides for which all members are there; None if nobody waits."""
        trials = sorted((row for row in rows.values() if row.kind == "trial"), key=lambda row: row.number)
        epochs = [row.reports[-1].epoch for row in trials if self.waits(row)]
        if not epochs:
            return None
        epoch = min(epochs)
        older = [row for row in trials if row.born < epoch]
        members = {row.number: row for row in older if self._is_compared(row, epoch)}
        values = {number: self._value(row, epoch) for number, row in members.items()}
        made, ended = [], {}
        chosen = replacements(values, self._pbt, self._seed, epoch)
        names = []
        for place, (loser, donor) in enumerate(chosen):
            row = self._copy(len(older) + place, members[donor], epoch, loser)
            names.append(row.name)
            if row.name not in rows:
                made.append(row)
            if members[loser].state == "running":
                ended[members[loser].name] = f"{row.name} takes its place, from {members[donor].name} at epoch {epoch}"
        waiting = [row.name for row in members.values() if row.state == "running" and row.name not in ended]
        unborn = [
            name for name in names if name not in rows or (rows[name].state == "running" and not rows[name].reports)
        ]
        return Generation(made=made, ended=ended, going_on=[*unborn, *waiting])

    def _copy(self, number: int, donor: Row, epoch: int, loser: int) -> Row:
        before: TrialSpec = from_plain(TrialSpec, donor.spec)
        spec, params = explore(
            self._draw,
            before,
            donor.params,
            donor.distributions,
            spec=self._pbt,
            seed=self._seed,
            epoch=epoch,
            loser=loser,
        )
        row = self._make_row(number, spec, f"{donor.fit_key}/{step_name(epoch)}")
        row.params, row.distributions = params, dict(donor.distributions)
        return row

    def _is_compared(self, row: Row, epoch: int) -> bool:
        """Members that have reported at the epoch and are not over, and those that failed on the way to it."""
        if row.state == "failed":
            return (_last(row) // self.interval + 1) * self.interval == epoch
        return any(report.epoch == epoch and not report.finished for report in row.reports)

    def _value(self, row: Row, epoch: int) -> float | None:
        """The objective at the epoch, so that less is better."""
        value = next((each.metrics.get(self._objective.metric) for each in row.reports if each.epoch == epoch), None)
        if row.state == "failed" or value is None or not math.isfinite(value):
            return None
        return self._objective.signed(value)


def _last(row: Row) -> int:
    return row.reports[-1].epoch if row.reports else row.born
