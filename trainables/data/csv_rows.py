"""Rows of a CSV file with their line numbers. Whatever its bytes are, what is wrong with them is said, with the way out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from trainables.data.problems import DataProblem
from trainables.spec import nearest

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t")
LONGEST_LINE = 1_000_000
"""Characters; a longer line is no row of a table, and would be read into memory whole."""


class CsvRow(NamedTuple):
    """Some cells of a row.

    Attributes:
        line: where the row begins, counted from 1 with the header.
        cells: of the columns asked for, stripped; empty where the row is too short.
        fault: what is wrong with the row, where its number of cells is not the header's.
    """

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


def csv_header(file: Path) -> tuple[str, ...]:
    """Names of the columns, stripped; none where the file is empty.

    Raises:
        DataProblem: a file that cannot be read or is no CSV text.
    """
    with _opened(file) as (_, reader):
        return _header(reader)


def csv_rows(file: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Read some columns of every row that is not blank, one row at a time.

    The delimiter is the one that the first line has most of: a comma, a semicolon or a tab.

    Raises:
        DataProblem: a file that cannot be read, is no CSV text, lacks a column or has one twice.
    """
    with _opened(file) as (at, reader):
        header = _header(reader)
        at.line = reader.line_num + 1
        require_columns(file, header, columns)
        places = [header.index(name) for name in columns]
        for row in reader:
            line, at.line = at.line, reader.line_num + 1
            if any(map(str.strip, row)):
                cells = tuple(row[place].strip() if place < len(row) else "" for place in places)
                yield CsvRow(line, cells, _fault(row, header))


def require_columns(file: Path, header: Sequence[str], columns: Sequence[str], way_out: str = "") -> None:
    """Refuse a table that lacks a column or has it twice.

    Args:
        file: named by the message.
        header: columns that are there.
        columns: columns that are needed.
        way_out: what to do; by default, to rename a column.

    Raises:
        DataProblem: names the column and those that are there.
    """
    for name in columns:
        held = header.count(name)
        if held == 1:
            continue
        said = f"has the column {name!r} {held} times, and which one is meant is unknown" if held else "has none"
        there = nearest(name, set(header) - {""})[:300] if any(header) else "Its first line is empty."
        raise DataProblem(
            f"{file}: the table needs the column {name!r} and {said}. {there} {way_out or 'Rename the column.'}",
            "missing_column",
            file,
            1,
        )


class _At:
    """The line that the next row begins at."""

    line = 1


@contextmanager
def _opened(file: Path) -> Iterator[tuple[_At, Reader]]:
    at = _At()
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            first = stream.readline(LONGEST_LINE)
            stream.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
            yield at, reader
    except OSError as error:
        kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        raise DataProblem(f"{file}: the file cannot be read ({error.strerror}). Check the path.", kind, file) from error
    except (UnicodeDecodeError, csv.Error) as error:
        line = _undecodable_line(file) if isinstance(error, UnicodeDecodeError) else at.line
        raise DataProblem(
            f"{file}, line {line}: the file is no CSV text in UTF-8 ({error}). Save it as 'CSV UTF-8'.",
            "unreadable",
            file,
            line,
        ) from error


def _undecodable_line(file: Path) -> int:
    """Text is decoded in blocks, so that the error itself knows no line."""
    line = 1
    with open(file, "rb") as stream:
        while content := stream.readline(LONGEST_LINE):
            try:
                content.decode()
            except UnicodeDecodeError:
                break
            line += content.endswith(b"\n")
    return line


def _lines(stream: IO[str]) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line is longer than {LONGEST_LINE:,} characters")
        yield line


def _header(reader: Reader) -> tuple[str, ...]:
    return tuple(name.strip() for name in next(reader, ()))


def _fault(row: Sequence[str], header: Sequence[str]) -> str | None:
    """A torn line, or a delimiter in a cell without quotes, would shift labels to other columns unseen."""
    if len(row) == len(header) or (len(row) > len(header) and not any(row[len(header) :])):
        return None
    return f"the row has {len(row)} cells and the header {len(header)}"
