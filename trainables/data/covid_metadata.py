"""The metadata files of the COVID-19 Radiography layout: `<class>.metadata.xlsx`, with the column FILE NAME."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path, PurePath

COLUMN = "FILE NAME"


def about_metadata(file: Path, images: Iterable[str]) -> list[str]:
    """Sentences about images that the metadata of a class name and that are not there, and the other way round.

    Names are compared without case and suffix: the published file of the class Normal writes NORMAL-1 for Normal-1.png.

    Args:
        file: of the class; none is legal.
        images: file names in its folder.
    """
    if not file.is_file():
        return []
    named = _names(file)
    if named is None:
        return [
            f"{file.name} cannot be read as a table with the column {COLUMN!r}, and was not compared with the images."
        ]
    present = {PurePath(name).stem.lower() for name in images}
    said = []
    if named - present:
        said.append(
            f"{len(named - present)} images that {file.name} names are not there, such as {min(named - present)}."
        )
    if present - named:
        said.append(f"{len(present - named)} images are not in {file.name}, such as {min(present - named)}.")
    return said


def _names(file: Path) -> set[str] | None:
    """Names in the file, or None where it is no such table."""
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True)
            try:
                rows = book.worksheets[0].iter_rows(values_only=True)
                header = [str(cell).strip().upper() for cell in next(rows)]
                column = header.index(COLUMN)
                return {str(row[column]).strip().lower() for row in rows if row[column] is not None}
            finally:
                book.close()
    except Exception:  # a broken workbook raises nearly anything, and nothing depends on it
        return None
