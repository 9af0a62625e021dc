"""The lines of a CSV file that describes images, each with its number, so that a fault can be found again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from trainables.data.problems import DataProblem
from trainables.data.wording import shown

_HEADER_BYTES = 1 << 16


class Line(NamedTuple):
    """A line of a CSV file.

    Attributes:
        file: where it stands.
        number: counted from 1 with the header.
        fields: its values, without spaces around them.
    """

    file: Path
    number: int
    fields: list[str]

    def at(self, column: int) -> str:
        """Value of a column, empty where the line is too short."""
        return self.fields[column] if column < len(self.fields) else ""

    def problem(self, rule: str, kind: str, path: Path | None = None) -> DataProblem:
        """What is wrong with the image that this line is about.

        Args:
            rule: the rule, the value and the way out.
            kind: see `DataProblem`.
            path: of the image, where it is known.
        """
        return DataProblem(f"{self.file}, line {self.number}: {rule}", kind, path or self.file, self.number)


def lines_of(file: Path, delimiter: str = ",") -> list[Line]:
    """Read the lines of a CSV file, the header among them; blank ones are left out.

    Raises:
        DataProblem: a file that is missing, no text in UTF-8, or no CSV; such as a quote that is never closed, which would
            swallow the lines behind it.
    """
    lines: list[Line] = []
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            for fields in reader:
                values = [value.strip() for value in fields]
                if any(values):
                    lines.append(Line(file, reader.line_num, values))
    except OSError as error:
        raise DataProblem(f"{file}: it cannot be read ({error.strerror}). Restore it.", "missing", file) from error
    except UnicodeDecodeError as error:
        raise DataProblem(
            f"{file}: it is no text in UTF-8 ({shown(error)}). Save it as 'CSV UTF-8', or copy it again.",
            "unreadable",
            file,
        ) from error
    except csv.Error as error:
        line = reader.line_num
        raise DataProblem(
            f"{file}, line {line}: it is no CSV ({shown(error)}). Correct the line, or copy the file again.",
            "unreadable",
            file,
            line,
        ) from error
    return lines


def header_of(file: Path) -> tuple[list[str], str]:
    """Column names of a CSV file, in lower case, and its delimiter: a semicolon, or else a comma.

    Only the beginning is read; a file that cannot be read, or is no text, has columns that nobody looks for.
    """
    try:
        with open(file, "rb") as stream:
            start = stream.read(_HEADER_BYTES)
    except OSError:
        return [], ","
    first = start.decode("utf-8-sig", "replace").splitlines()[:1]
    delimiter = ";" if first and ";" in first[0] else ","
    try:
        columns = next(csv.reader(first, delimiter=delimiter), [])
    except csv.Error:
        return [], delimiter
    return [column.strip().lower() for column in columns], delimiter
