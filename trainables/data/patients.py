"""Which patient an image shows, from a CSV file of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from trainables.data.csv_rows import csv_header, csv_rows
from trainables.data.listing import Listing
from trainables.data.paths import normal_path
from trainables.data.problems import DataProblem
from trainables.spec import nearest

PATH_COLUMN = "path"
PATIENT_COLUMNS = ("patient", "patient_id")


def with_patients(listing: Listing, file: Path) -> Listing:
    """Fill in the patients of a data set from a CSV file with the columns `path` and `patient` (or `patient_id`).

    Paths are relative to the data folder or to the folder above it. An image without a row, or with an empty patient,
    keeps its patient unknown, and a remark says how many there are.

    Raises:
        DataProblem: a file that is no such CSV, a path outside of the data set, two patients for one image; the message
            names the line.
    """
    rows = {name: number for number, name in enumerate(listing.image_ids)}
    prefixes = tuple({f"{listing.root.name}/", f"{listing.root.resolve().name}/"})
    patients: list[str | None] = list(listing.patients)
    first_line: dict[int, int] = {}
    for line, path, patient in _read(file):
        row = rows[_image_id(file, line, path, rows, prefixes)]
        if row in first_line and (patient or None) != patients[row]:
            raise DataProblem(
                f"{file}, line {line}: {path!r} has patient {patient!r} here and {patients[row]!r} in line "
                f"{first_line[row]}; an image shows one patient. Remove one of the lines.",
                "patient",
                file,
                line,
            )
        first_line[row] = line
        patients[row] = patient or None
    return replace(listing, patients=tuple(patients), remarks=(*listing.remarks, *_remarks(file, patients)))


def _remarks(file: Path, patients: list[str | None]) -> tuple[str, ...]:
    unknown = patients.count(None)
    if unknown in (0, len(patients)):
        return ()
    return (
        f"{unknown} of {len(patients)} images have no patient in {file.name}: each of them is treated as a patient of "
        "its own.",
    )


def _image_id(file: Path, line: int, path: str, rows: dict[str, int], prefixes: tuple[str, ...]) -> str:
    normal = normal_path(path)
    if normal is None:
        raise DataProblem(
            f"{file}, line {line}: the path {path!r} is empty, absolute or leaves the data folder. Write paths relative "
            "to the data folder, such as 'COVID/images/COVID-1.png'.",
            "outside",
            file,
            line,
        )
    for candidate in (normal, *(normal.removeprefix(prefix) for prefix in prefixes)):
        if candidate in rows:
            return candidate
    raise DataProblem(
        f"{file}, line {line}: {path!r} is not an image of the data set. {nearest(normal, list(rows)[:5000])[:300]} Paths "
        "are relative to the data folder or to the folder above it; remove lines about other images.",
        "unknown_path",
        file,
        line,
    )


def _read(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, path and patient of every row."""
    column = _patient_column(file, csv_header(file))
    for row in csv_rows(file, (PATH_COLUMN, column)):
        path, patient = row.cells
        yield row.line, path, patient


def _patient_column(file: Path, columns: Sequence[str]) -> str:
    column = next((name for name in PATIENT_COLUMNS if name in columns), None)
    if column is None or PATH_COLUMN not in columns:
        raise DataProblem(
            f"{file}: the patients file needs the columns 'path' and 'patient' (or 'patient_id'); its first line has "
            f"{', '.join(map(repr, columns)) or 'none'}. Add a header line, or rename the columns.",
            "column",
            file,
            1,
        )
    return column
