"""The label file of an ImageCLEF data set: which file it is, and which class a line of it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainables.data.csv_lines import Line, header_of, lines_of
from trainables.data.irma import class_of
from trainables.data.named_files import entries_of
from trainables.data.problems import DataProblem
from trainables.data.wording import quoted
from trainables.spec import ImageClef, nearest

ID = "image_id"
COLUMNS = ("irma_code", "08_irma_code", "07_irma_code", "class_code", "06_class", "05_class")
"""Columns with a class, the first one that is there being used."""

_NAMED_CODE, _NAME = "class_code", "class_name"
_NULL = "\\N"
"""What a database writes where it knows no value."""


class LabelFile(NamedTuple):
    """A file with a line an image.

    Attributes:
        path: where it lies.
        columns: their names, in lower case.
        delimiter: between the columns.
    """

    path: Path
    columns: list[str]
    delimiter: str


def label_files(root: Path) -> list[LabelFile]:
    """The files directly in a folder that name images in their first column and have a class, the likeliest first."""
    found: list[LabelFile] = []
    for entry in entries_of(root):
        if entry.name.lower().endswith(".csv"):
            columns, delimiter = header_of(Path(entry.path))
            if columns[:1] == [ID] and set(columns) & set(COLUMNS):
                found.append(LabelFile(Path(entry.path), columns, delimiter))
    return sorted(found, key=lambda file: (_rank(file), file.path.name))


def require_label_file(root: Path) -> LabelFile:
    """The label file of a folder.

    Raises:
        DataProblem: there is none, or several, none of them called as such.
    """
    found = label_files(root)
    if not found:
        raise DataProblem(
            f"{root}: no CSV file there has the first column {ID!r} and one of {', '.join(COLUMNS)}. Add the label file.",
            "missing",
            root,
        )
    equals = [file.path.name for file in found if _rank(file) == _rank(found[0])]
    if len(equals) > 1:
        raise DataProblem(
            f"{root}: {', '.join(equals)} could each be the label file. Call the one that is meant labels.csv, or move the "
            "others away.",
            "layout",
            root,
        )
    return found[0]


class Labels:
    """What a label file says.

    Attributes:
        lines: one an image, without the header.

    Raises:
        DataProblem: a file that is no CSV or names no image, or a column that is not there.
    """

    def __init__(self, file: LabelFile, spec: ImageClef) -> None:
        self.lines = lines_of(file.path, file.delimiter)[1:]
        if not self.lines:
            raise DataProblem(f"{file.path}: it names no image. Copy it again.", "missing", file.path)
        self._spec = spec
        self._columns = len(file.columns)
        column = _column(file, spec)
        self._code = file.columns.index(column)
        named = column == _NAMED_CODE and _NAME in file.columns
        self._name = file.columns.index(_NAME) if named else None
        self._names = self._usual_names()

    def class_in(self, line: Line, path: Path) -> str | DataProblem:
        """Code of the class that a line says, or what is wrong with it.

        Args:
            line: one of `lines`.
            path: of its image.
        """
        code = line.at(self._code)
        if code in ("", _NULL):
            return line.problem("the image has no class. Fill it in, or remove the line.", "unknown_class", path)
        if any(line.fields[self._columns :]):
            return line.problem(
                f"the line has {len(line.fields)} values and the header {self._columns}. Put values that hold a comma or "
                "semicolon into quotes.",
                "layout",
                path,
            )
        name = "" if self._name is None else line.at(self._name)
        if not (code + name).isprintable():
            rule = f"the class {quoted(code + name)} holds a control character. Remove it."
            return line.problem(rule, "unknown_class", path)
        if name and name != self._names[code]:
            return line.problem(
                f"class {quoted(code)} is called {quoted(name)} here and {quoted(self._names[code])} in most lines. Correct "
                "the code or the name.",
                "unknown_class",
                path,
            )
        return code if self._name is not None else class_of(code, self._spec.axes, self._spec.depth)

    def names(self, codes: Sequence[str]) -> list[str]:
        """Names of classes; the code is added where two have the same name, and is the name where there is no other."""
        names = [self._names.get(code) or code for code in codes]
        often = Counter(names)
        return [f"{name} ({code})" if often[name] > 1 else name for name, code in zip(names, codes, strict=True)]

    def _usual_names(self) -> dict[str, str]:
        """The name that most lines give to a code."""
        if self._name is None:
            return {}
        told: dict[str, Counter[str]] = {}
        for line in self.lines:
            told.setdefault(line.at(self._code), Counter())[line.at(self._name)] += bool(line.at(self._name))
        return {code: names.most_common(1)[0][0] for code, names in told.items()}


def in_order(codes: Sequence[str]) -> list[str]:
    """Numbers by their value, then the other codes."""
    return sorted(codes, key=_place)


def _place(code: str) -> tuple[bool, int, str, str]:
    number = code.lstrip("0") if code.isascii() and code.isdecimal() else None
    return (True, 0, "", code) if number is None else (False, len(number), number, code)


def _rank(file: LabelFile) -> int:
    name = file.path.name.lower()
    return 0 if name == "labels.csv" else 1 if "codes" in name else 2


def _column(file: LabelFile, spec: ImageClef) -> str:
    wanted = [spec.column.strip().lower()] if spec.column else COLUMNS
    column = next((name for name in wanted if name in file.columns), None)
    if column is None or column == ID:
        raise DataProblem(
            f"{file.path}: it has no column {spec.column!r} with a class. {nearest(str(spec.column), file.columns[1:])} Set "
            "data/column to one of them.",
            "missing_column",
            file.path,
            1,
        )
    return column
