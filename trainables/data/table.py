"""A table of images: a CSV or Parquet file with a path and one or several labels a row, and images beside or below it.

    path,label,patient,split                   one label column: names of classes
    a/001.png,pneumonia,p17,train

    path,Edema,Effusion,patient                several: 1, 0, -1 (uncertain) or nothing each
    a/001.png,1,,p17

The columns `patient`, `study`, `split` and `mask` are used where they are there; one that data/patient and so on names
otherwise must be there. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from trainables.data.csv_rows import CsvRow, require_columns
from trainables.data.label_cells import SPLIT_NAMES, name_of, natural
from trainables.data.listing import Listing, Row
from trainables.data.named import NamedImages, RowFault, label_names, mark
from trainables.data.problems import DataProblem
from trainables.data.table_rows import SUFFIXES, header_of, is_csv, rows_of
from trainables.spec import ImageTable

PATH_COLUMNS = ("path", "image", "image_path", "file", "filename")
EXPECTED = (
    "a CSV or Parquet file with a column 'path' (or 'image', 'image_path', 'file', 'filename') and a label column, or a "
    "folder with one such file; where the path has another column (data/path), pass the file itself"
)
ROLES = ("patient", "study", "split", "mask")
_NAMES = ("labels", "data", "table")
_ABOUT = frozenset({*PATH_COLUMNS, *ROLES, "patient_id", "study_id", ""})
"""Columns that say nothing about a class: a file of patients is no table of labels."""


def matches(root: Path) -> bool:
    """Whether a path is a table itself, or a folder with one that has a path column and another that may be a label."""
    if root.is_file():
        return root.suffix.lower() in SUFFIXES  # a column of any name may hold the paths
    try:
        file = _table_in(root)
        header = set(header_of(file)) if file is not None else set()
    except (DataProblem, OSError):
        return False
    return bool(header & set(PATH_COLUMNS)) and bool(header - _ABOUT)


def list_files(root: Path, spec: ImageTable, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images that a table names; the listing's root is the folder of the table.

    Args:
        root: the file, or a folder with one table.
        spec: names the columns.
        renamed: class by another name, or by the column of a label.

    Raises:
        DataProblem: no single table, one that cannot be read, lacks a column or names no image.
    """
    file = root if root.is_file() else _table_in(root)
    if file is None:
        raise DataProblem(
            f"{root}: there is no table, or more than one. The layout is {EXPECTED}. Pass the file itself.",
            "layout",
            root,
        )
    columns = _columns(file, spec)
    classes = label_names(file, columns.labels, renamed or {})
    named = NamedImages(file.parent, "line" if is_csv(file) else "row")
    seen: dict[str, int] = {}
    for row in rows_of(file, columns.all()):
        values = dict(zip(columns.all(), row.cells, strict=True))
        try:
            named.add(_row(row, values, columns, named, seen, renamed or {}), file, row.line)
        except RowFault as fault:
            named.fault(fault, file, row.line)
    if len(classes) > 1:
        return _about_masks(named.listing(classes))
    return _about_masks(_in_order(named.listing(tuple(seen)), seen))


def select(listing: Listing, spec: ImageTable) -> Listing:
    """Everything is used."""
    return listing


def _table_in(root: Path) -> Path | None:
    """The only table in a folder, or the only one that is called as tables of labels are."""
    if not root.is_dir():
        return None
    entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    tables = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if len(tables) > 1:
        tables = [entry for entry in tables if entry.stem.lower() in _NAMES]
    return tables[0] if len(tables) == 1 else None


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Names of the columns that are read; `roles` are patient, study, split and mask, those that are there."""

    path: str
    labels: tuple[str, ...]
    roles: Mapping[str, str]

    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.path, *self.labels, *self.roles.values())))


def _columns(file: Path, spec: ImageTable) -> _Columns:
    header = header_of(file)
    usual = {field.name: field.default for field in fields(spec)}
    path = spec.path
    if path not in header:
        others = [name for name in PATH_COLUMNS if name in header]
        if len(others) != 1 or path != usual["path"]:
            require_columns(file, header, (path,), "Name the column with the paths (data/path).")
        path = others[0]
    require_columns(file, header, (path,))
    require_columns(file, header, spec.labels, "Name the columns with labels (data/labels; --label of `data check`).")
    named = {role: getattr(spec, role) for role in ROLES}
    wanted = {role: name for role, name in named.items() if name in header or name != usual[role]}
    for role, name in wanted.items():
        require_columns(file, header, (name,), f"Name the column of the {role} (data/{role}).")
    return _Columns(path=path, labels=spec.labels, roles=wanted)


def _row(
    row: CsvRow,
    values: Mapping[str, str],
    columns: _Columns,
    named: NamedImages,
    seen: dict[str, int],
    renamed: Mapping[str, str],
) -> Row:
    """Check a row; classes are numbered as they are seen, those of bad images too."""
    name = name_of(values[columns.labels[0]])
    if name is not None and row.fault is None:
        seen.setdefault(renamed.get(name, name), len(seen))
    image_id = named.image_at(values[columns.path])
    if row.fault is not None:
        raise RowFault(f"{row.fault}, so that its labels may be another's. Mend the row.", "unreadable", image_id)
    if len(columns.labels) > 1:
        target: int | tuple[int, ...] = tuple(mark(label, values[label], image_id) for label in columns.labels)
    elif name is None:
        raise RowFault(f"the class of {image_id!r} is empty. Fill it in, or remove the row.", "unknown_class", image_id)
    else:
        target = seen[renamed.get(name, name)]
    cells = {role: values[column] for role, column in columns.roles.items()}
    patient, study = name_of(cells.get("patient", "")), name_of(cells.get("study", ""))
    return Row(
        image_id,
        target,
        patient=patient,
        study=study and "study-" + hashlib.sha256(f"{patient}\0{study}".encode()).hexdigest()[:12],
        split=_split(cells.get("split", ""), image_id),
        finding_mask=_mask(cells.get("mask", ""), image_id, named),
    )


def _split(cell: str, image_id: str) -> str | None:
    if not cell:
        return None
    if cell.lower() not in SPLIT_NAMES:
        raise RowFault(
            f"the split of {image_id!r} is {cell[:40]!r}; it is {', '.join(SPLIT_NAMES)} or empty. Mend the cell, or "
            "remove the column.",
            "split",
            image_id,
        )
    return SPLIT_NAMES[cell.lower()]


def _mask(cell: str, image_id: str, named: NamedImages) -> str | None:
    if not cell:
        return None
    try:
        return named.image_at(cell, what="mask")
    except RowFault as fault:  # about the image that cannot be explained without it
        raise RowFault(f"the mask of {image_id!r}: {fault.said}", fault.kind, image_id) from fault


def _in_order(listing: Listing, seen: Mapping[str, int]) -> Listing:
    """Number the classes by their names, whatever the order of the rows is."""
    classes = tuple(sorted(seen, key=natural))
    numbers = np.array([classes.index(name) for name in seen], np.int64)
    return replace(listing, classes=classes, targets=numbers[listing.targets])


def _about_masks(listing: Listing) -> Listing:
    without = listing.finding_masks.count(None)
    if without in (0, len(listing)):
        return listing
    said = f"{without} of {len(listing)} images have no mask; no mask is used."
    return replace(listing, remarks=(*listing.remarks, said))
