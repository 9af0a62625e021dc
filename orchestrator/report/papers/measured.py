"""Numbers of a sweep for a paper's table: one network's, an ensemble's, or the mean over trainings, with their intervals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.report.findings import Findings
from orchestrator.report.intervals import groups_of, resamples_for
from orchestrator.report.papers.tables import Cell, Column, Found, Line, Printed
from orchestrator.results import ResultRow

T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228}
"""97.5 % quantiles of Student's t by degrees of freedom; beyond, 1.96 plus 2.4 over the degrees is within 0.5 %."""


@dataclass(frozen=True)
class Measured:
    """The numbers of a sweep.

    Attributes:
        findings: of the sweep.
    """

    findings: Findings
    _known: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def trials(self, **params: Any) -> list[ResultRow]:
        """Completed trials that drew these parameters, each network once, in the order of their draws."""
        rows = [row for row in self.findings.results if row.kind == "trial" and row.state == "completed"]
        wanted = [row for row in rows if all(row.params.get(name) == value for name, value in params.items())]
        return list({row.key: row for row in reversed(wanted)}.values())[::-1]

    def trial(self, **params: Any) -> ResultRow | None:
        """The first of them."""
        return next(iter(self.trials(**params)), None)

    def ensemble(self, start: str, end: str = "") -> ResultRow | None:
        """The first complete ensemble of networks whose name begins and ends so; those of a task's results are others."""
        named = [row for row in self.findings.ensembles if row.name.startswith(start) and row.name.endswith(end)]
        return next((row for row in named if "_of_" not in row.name), None)

    def task(self, row: ResultRow | None, start: str) -> str:
        """Name of the row's result that begins so, such as `laplace_kron_grid`; empty where it has none."""
        return next((name for name in row.results if name.startswith(start)), "") if row else ""

    def line(
        self,
        names: Sequence[str],
        columns: Sequence[Column],
        row: ResultRow | None,
        paper: Sequence[Printed | None] = (),
        *,
        task: str | None = "",
        note: str = "",
        is_ours: bool = False,
    ) -> Line:
        """A line of one network or ensemble.

        Args:
            names: of the line.
            columns: of the table.
            row: whose numbers; None for a sweep that has none (yet).
            paper: numbers of the paper, as many as columns, or none at all.
            task: whose numbers of that row: `temperature`, `laplace_kron_grid`; the network's own if empty; None for none.
            note: see `Line`.
            is_ours: see `Line`.
        """
        ours = [self.found(row, task, column) if row and task is not None else None for column in columns]
        theirs = paper or [None] * len(columns)
        cells = tuple(Cell(paper=their, ours=our) for their, our in zip(theirs, ours, strict=True))
        return Line(names=tuple(names), cells=cells, note=note, is_ours=is_ours)

    def found(self, row: ResultRow, task: str, column: Column) -> Found | None:
        """The number of a column, with its interval over patients where the predictions are stored."""
        if column.metric.startswith("seconds/"):
            stage = column.metric.removeprefix("seconds/")
            seconds = row.seconds.get(f"{task}/{stage}") if task else None
            return None if seconds is None else Found(value=seconds * column.scale)
        name = f"{task}/{column.metric}" if task else column.metric
        value = row.metrics.get(name)
        if value is None:
            return None
        low, high = row.metrics.get(f"{name}/low"), row.metrics.get(f"{name}/high")
        if low is None or high is None:
            interval = self._intervals(row, task).get(column.metric.removeprefix("test/"))
            low, high = (interval.low, interval.high) if interval else (None, None)
        return _scaled(value, low, high, column.scale)

    def difference(self, row: ResultRow, other: ResultRow, column: Column) -> Found | None:
        """A metric on test of one network less another one's, paired over the same images; None where images differ.

        Args:
            row: whose metric it is.
            other: what is taken off.
            column: its metric is the name of a headline metric, such as `macro_f1`.
        """
        from trainables.metrics.bootstrap import paired_intervals

        ours, theirs = (self.findings.predictions(each.key, "test") for each in (row, other))
        groups = groups_of(self.findings, row, ours)
        if ours is None or theirs is None or tuple(ours.image_ids) != tuple(theirs.image_ids):
            return None
        if groups is None:  # too few to draw from
            one, two = (each.metrics.get(f"test/{column.metric}") for each in (row, other))
            return None if one is None or two is None else Found(value=(one - two) * column.scale)
        found = paired_intervals(ours, theirs, groups, resamples=resamples_for(len(groups))).get(column.metric)
        return _scaled(found.value, found.low, found.high, column.scale) if found else None

    def mean(self, rows: Sequence[ResultRow], task: str, column: Column) -> Found | None:
        """The mean over trainings, with the 95 % interval of a mean by Student's t where there are two or more."""
        stage = column.metric.removeprefix("seconds/")
        of = [
            row.seconds.get(f"{task}/{stage}") if stage != column.metric else
            row.metrics.get(f"{task}/{column.metric}" if task else column.metric)
            for row in rows
        ]  # fmt: skip
        values = [value for value in of if value is not None]
        if not values:
            return None
        middle = statistics.fmean(values)
        if len(values) == 1:
            return Found(value=middle * column.scale)
        free = len(values) - 1
        half = T_975.get(free, 1.96 + 2.4 / free) * statistics.stdev(values) / len(values) ** 0.5
        least = max(0.0, middle - half)  # seconds, shares and errors are not negative
        most = middle + half if column.metric.startswith("seconds/") else min(1.0, middle + half)
        return _scaled(middle, least, most, column.scale)

    def sizes(self, ensemble: ResultRow | None) -> list[int]:
        """Sizes of the random subsets of an ensemble's members."""
        tensors = self.findings.tensors(ensemble.key) if ensemble else {}
        return [int(size) for size in tensors["sizes"].tolist()] if "sizes" in tensors else []

    def of_size(self, ensemble: ResultRow | None, size: int, column: Column) -> Found | None:
        """The mean over random subsets of an ensemble's members, with the middle 95 % of them."""
        tensors = self.findings.tensors(ensemble.key) if ensemble else {}
        metric = column.metric.removeprefix("test/")
        name = f"sizes/{'ece_5_bins' if metric == 'ece_5' else metric}"
        if name not in tensors or size not in tensors["sizes"].tolist():
            return None
        drawn = tensors[name][tensors["sizes"].tolist().index(size)].double()
        drawn = drawn[~drawn.isnan()]
        if not len(drawn):
            return None
        low, high = (float(drawn.quantile(q)) for q in (0.025, 0.975))
        return _scaled(float(drawn.mean()), low, high, column.scale)

    def _intervals(self, row: ResultRow, task: str) -> Mapping[str, Any]:
        """Bootstrap intervals of everything that predictions on test give, by metric."""
        if row.kind == "ensemble":
            key, split = row.key, f"{task}/test" if task else "test"
        else:
            key, split = row.results.get(task, "") if task else row.key, "test"
        if (key, split) not in self._known:
            self._known[key, split] = self._bootstrapped(row, key, split) if key else {}
        return self._known[key, split]

    def _bootstrapped(self, row: ResultRow, key: str, split: str) -> Mapping[str, Any]:
        from trainables.metrics.bootstrap import headline_intervals
        from trainables.metrics.class_intervals import class_intervals

        predictions = self.findings.predictions(key, split)
        groups = groups_of(self.findings, row, predictions)
        if predictions is None or groups is None:
            return {}
        resamples = resamples_for(len(groups))
        network = row.members[0] if row.members else row.key
        names = self.findings.classes(network)
        return headline_intervals(predictions, groups, resamples=resamples) | class_intervals(
            predictions, names, groups, resamples=resamples
        )


def _scaled(value: float, low: float | None, high: float | None, scale: float) -> Found:
    if low is None or high is None:
        return Found(value=value * scale)
    return Found(value=value * scale, low=low * scale, high=high * scale)
