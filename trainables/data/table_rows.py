"""Rows of a table in a CSV or Parquet file, as text: what reads one reads the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trainables.data.csv_rows import CsvRow, csv_header, csv_rows, require_columns
from trainables.data.problems import DataProblem

CSV_SUFFIXES = (".csv", ".tsv")
SUFFIXES = (*CSV_SUFFIXES, ".parquet")

_AT_ONCE = 10_000


def header_of(file: Path) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        DataProblem: a file that cannot be read or is no such table.
    """
    if is_csv(file):
        return csv_header(file)
    try:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(file) as table:
            return tuple(table.schema_arrow.names)
    except Exception as error:  # damaged files make the library raise nearly anything
        raise _unreadable(file, error) from error


def rows_of(file: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Read some columns of every row; a Parquet file has no header line, and its rows are counted from 1.

    Raises:
        DataProblem: a file that cannot be read, is no such table or lacks a column.
    """
    if is_csv(file):
        yield from csv_rows(file, columns)
        return
    require_columns(file, header_of(file), columns)
    number = 0
    for block in _blocks(file, columns):
        for values in zip(*block, strict=True):
            number += 1
            yield CsvRow(number, tuple(_text(value) for value in values))


def is_csv(file: Path) -> bool:
    """Whether the name is that of a CSV file."""
    return file.suffix.lower() in CSV_SUFFIXES


def _blocks(file: Path, columns: Sequence[str]) -> Iterator[list[list[Any]]]:
    """Values of the columns, some rows at a time."""
    try:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(_AT_ONCE, columns=list(columns), use_threads=False):
                yield [batch.column(name).to_pylist() for name in columns]
    except MemoryError:
        raise  # the machine's trouble, not the file's
    except Exception as error:
        raise _unreadable(file, error) from error


def _text(value: Any) -> str:
    """A value as a CSV file has it."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).strip()


def _unreadable(file: Path, error: Exception) -> DataProblem:
    if isinstance(error, FileNotFoundError):
        return DataProblem(f"{file}: the file does not exist. Check the path.", "missing", file)
    said = " ".join(str(error).split())[:200]
    return DataProblem(
        f"{file}: it is no Parquet file that can be read ({type(error).__name__}: {said}). Write it again, or save it as "
        "'CSV UTF-8'.",
        "unreadable",
        file,
    )
