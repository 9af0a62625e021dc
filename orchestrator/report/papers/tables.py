"""A paper's table beside ours: cells of two numbers and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["agrees", "higher", "lower", ""]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of numbers.

    Attributes:
        title: with its unit, as the paper writes it.
        metric: what of ours stands there, without prefix: `test/accuracy`, `seconds/fit`.
        scale: ours is multiplied by it: 100 for per cent, 1 / 3600 for hours.
        digits: after the point; None for three that count, where sizes differ widely.
    """

    title: str
    metric: str
    scale: float = 1.0
    digits: int | None = 3

    def text(self, value: float) -> str:
        """A number of the column."""
        return f"{value:.3g}" if self.digits is None else f"{value:z.{self.digits}f}"


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A number of the paper, in the column's unit, with the spread that it prints."""

    value: float
    spread: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A number of ours, in the column's unit, with its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Both, either, or none.

    Attributes:
        paper: None where the paper prints nothing.
        ours: None where the sweep has no such result (yet), or its data do not have that class.
    """

    paper: Printed | None = None
    ours: Found | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the paper's number, with its spread, meets our interval; ours is `higher` or `lower` where it does not.

        Empty where either is missing or ours has no interval, because nothing can be said then.
        """
        if self.paper is None or self.ours is None or self.ours.low is None or self.ours.high is None:
            return ""
        if self.paper.value + self.paper.spread < self.ours.low:
            return "higher"
        if self.paper.value - self.paper.spread > self.ours.high:
            return "lower"
        return "agrees"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the table.

    Attributes:
        names: what tells it apart, a text for each of the table's heads.
        cells: one a column.
        note: why an honest re-run must differ, or what the row is; empty mostly.
        is_ours: whether the paper has no such row.
    """

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    note: str = ""
    is_ours: bool = False


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        title: as it is called there.
        heads: of the columns that name a row.
        columns: of numbers.
        lines: rows in the paper's order, ours last.
        remarks: sentences below it.
    """

    title: str
    heads: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """Notes of its lines, each once."""
        return list(dict.fromkeys(line.note for line in self.lines if line.note))


def printed(values: Sequence[float | tuple[float, float] | None]) -> tuple[Printed | None, ...]:
    """Numbers of a row of a paper: plain, with a spread, or None for one that is not printed."""
    return tuple(
        None
        if each is None
        else Printed(value=each[0], spread=each[1])
        if isinstance(each, tuple)
        else Printed(value=each)
        for each in values
    )
