"""The images that a table names, row by row: good ones become rows of a listing, the others problems."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from trainables.data.label_cells import label_of
from trainables.data.listing import Listing, Row, listing_of
from trainables.data.paths import normal_path
from trainables.data.problems import DataProblem


class RowFault(Exception):
    """What is wrong with a row: a sentence or two, and a word for programs."""

    def __init__(self, said: str, kind: str, image_id: str | None = None) -> None:
        super().__init__(said)
        self.said = said
        self.kind = kind
        self.image_id = image_id


def mark(name: str, cell: str, image_id: str) -> int:
    """What a cell says of a label: 1, 0, `UNCERTAIN` or `BLANK`.

    Raises:
        RowFault: anything else.
    """
    value = label_of(cell)
    if value is None:
        raise RowFault(
            f"the label {name!r} of {image_id!r} is {cell[:40]!r}; it is 1, 0, -1 (uncertain) or empty (not mentioned). "
            "Mend the cell.",
            "label_range",
            image_id,
        )
    return value


def label_names(place: Path, labels: Sequence[str], renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the labels after mapping.

    Raises:
        DataProblem: two labels under one name.
    """
    classes = tuple(renamed.get(name, name) for name in labels)
    if len(set(classes)) < len(classes):
        raise DataProblem(
            f"{place}: two labels are mapped to one class ({', '.join(classes)}), and they may contradict each other. Map "
            "one of them, or leave one out of data/labels.",
            "unknown_class",
            place,
        )
    return classes


class NamedImages:
    """Collects what tables below a data folder say about images; one row or one problem for each row of a table."""

    def __init__(self, root: Path, noun: str = "line") -> None:
        self.root = root
        self.problems: list[DataProblem] = []
        self._noun = noun
        self._rows: dict[str, tuple[Row, Path, int]] = {}
        self._contradicted: set[str] = set()
        self._plain_folders: dict[str, bool] = {"": True}
        self._real_root = os.path.realpath(root)

    def image_at(self, text: str, *, what: str = "image", drop_first: bool = False) -> str:
        """Normalise the path of a file that is there and below the data folder.

        Args:
            text: the path, relative to the data folder.
            what: what the file is, for messages.
            drop_first: the first part is the name of the data folder when it was published.

        Raises:
            RowFault: no path, one that leaves the folder, or a file that is not there.
        """
        if not text.strip():
            raise RowFault(f"the row has no path of its {what}. Fill it in, or remove the row.", "missing")
        name = normal_path(text)
        if name is not None and drop_first:
            name = name.partition("/")[2] or None
        if name is None:
            raise RowFault(
                f"the path {text!r} is absolute or leaves the data folder, and only files below {self.root} belong to the "
                "data set. Copy the file there and write its path relative to the folder.",
                "outside",
            )
        if not name.isprintable():
            raise RowFault(f"the path {text!r} holds a control character. Rename the file.", "file_name")
        if not os.path.isfile(f"{self.root}/{name}"):  # False as well for a name that no file can have
            raise RowFault(
                f"{self.root / name} is not there. Restore the file, or remove the row.", "missing", image_id=name
            )
        if not self._is_inside(name):
            raise RowFault(
                f"{self.root / name} is a link that leads out of the data folder {self.root}. Copy the file into the folder.",
                "outside",
                image_id=name,
            )
        return name

    def add(self, row: Row, file: Path, line: int) -> None:
        """Take a row, or note that its image was named before."""
        row = row._replace(line=line)
        if row.image_id not in self._rows:
            self._rows[row.image_id] = row, file, line
            return
        first, first_file, first_line = self._rows[row.image_id]
        there = f"{self._noun} {first_line}" + ("" if file == first_file else f" of {first_file.name}")
        if row == first._replace(line=line):
            said = f"the image {row.image_id!r} is named in {there} already. Remove one of the rows."
        else:
            said = f"the image {row.image_id!r} is named in {there} with other content. Remove the row that is wrong."
            self._contradicted.add(row.image_id)
        self.fault(RowFault(said, "duplicate_row", row.image_id), file, line)

    def fault(self, fault: RowFault, file: Path, line: int) -> None:
        """Note what is wrong with a row."""
        if fault.image_id is not None and fault.kind != "duplicate_row":
            self._contradicted.add(fault.image_id)
        path = file if fault.image_id is None else self.root / fault.image_id
        self.problems.append(DataProblem(f"{file}, {self._noun} {line}: {fault.said}", fault.kind, path, line))

    def listing(self, classes: Sequence[str], remarks: Iterable[str] = ()) -> Listing:
        """The listing of what was collected.

        Raises:
            DataProblem: no row at all.
        """
        for name in sorted(self._contradicted & set(self._rows)):  # which of its rows is right is unknown
            _, file, line = self._rows.pop(name)
            said = f"the image {name!r} is named again with other content. Remove the row that is wrong."
            self.fault(RowFault(said, "duplicate_row", name), file, line)
        rows = [row for row, _, _ in self._rows.values()]
        if not rows and not self.problems:
            raise DataProblem(
                f"{self.root}: the table has a header and no row, so that there is no image. Check that it is whole.",
                "layout",
                self.root,
            )
        return listing_of(self.root, classes, rows, remarks=tuple(remarks), problems=self.problems)

    def _is_inside(self, name: str) -> bool:
        """Resolves a path only if there is a link on its way: large sets hold a hundred thousand folders."""
        place = f"{self.root}/{name}"
        if self._is_plain(name.rpartition("/")[0]) and not os.path.islink(place):
            return True
        return Path(os.path.realpath(place)).is_relative_to(self._real_root)

    def _is_plain(self, folder: str) -> bool:
        if folder not in self._plain_folders:
            above = self._is_plain(folder.rpartition("/")[0])
            self._plain_folders[folder] = above and not os.path.islink(f"{self.root}/{folder}")
        return self._plain_folders[folder]
