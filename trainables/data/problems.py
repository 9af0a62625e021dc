"""What is wrong with a data set: the errors that its user can mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LISTED = 5
"""How many bad images a message names."""


class DataProblem(ValueError):
    """A data set that cannot be used as it lies on disk; the message says why and what to do.

    Attributes:
        kind: one word for programs, such as `truncated`.
        path: the file or folder that is meant, where there is one.
        row: line of the file, counted from 1 with the header, where there is one.
    """

    def __init__(self, message: str, kind: str = "data", path: Path | None = None, row: int | None = None) -> None:
        super().__init__(message, kind, path, row)  # all of them, so that the error survives pickling
        self.message = message
        self.kind = kind
        self.path = path
        self.row = row

    def __str__(self) -> str:
        return self.message


class BadImage(DataProblem):
    """An image file that cannot become grey values."""


def bad_image(path: Path, kind: str, rule: str, way_out: str) -> BadImage:
    """Return the error that names the file, the rule it breaks and the way out."""
    return BadImage(f"{path}: {rule} {way_out}", kind, path)


def all_problems(problems: Sequence[DataProblem]) -> DataProblem:
    """Return one error for all of them: what `several` says, and how to go on."""
    found = several(problems)
    listed = " `orchestrator data check` lists them all." if len(problems) > LISTED else ""
    way_out = "To go on without bad images, pass --on-bad-image skip."
    return type(found)(f"{found} {way_out}{listed}", found.kind, found.path, found.row)


def several(problems: Sequence[DataProblem]) -> DataProblem:
    """Return one error for all of them: the first one's message, and the names of the next ones."""
    first, others = problems[0], problems[1:]
    if not others:
        return first
    named = ", ".join(str(each.path) for each in others[: LISTED - 1])
    beyond = f" and {len(others) - LISTED + 1} not named here" if len(others) >= LISTED else ""
    return type(first)(f"{first} And {len(others)} more: {named}{beyond}.", first.kind, first.path, first.row)


def as_plain(problem: DataProblem, root: Path) -> dict[str, str | int | None]:
    """A problem as JSON values, with its path below the data folder."""
    path = problem.path
    below = path.relative_to(root).as_posix() if path is not None and path.is_relative_to(root) else path
    return {
        "kind": problem.kind,
        "path": None if below is None else str(below),
        "row": problem.row,
        "message": problem.message,
    }


def from_plain(plain: Mapping[str, Any], root: Path | None) -> DataProblem:
    """The problem that `as_plain` wrote."""
    path = None if plain["path"] is None else (root or Path()) / plain["path"]
    return DataProblem(plain["message"], plain["kind"], path, plain["row"])
