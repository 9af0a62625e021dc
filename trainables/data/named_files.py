"""Images that a list names: one entry for each, and whether its file is there and belongs to the data folder."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from trainables.data.csv_lines import Line
from trainables.data.decoding import SUFFIXES
from trainables.data.listing import Listing, Row, listing_of
from trainables.data.problems import DataProblem
from trainables.data.wording import quoted


class Named:
    """The images that a data set names, in its order, each under its class or with what is wrong with it.

    Attributes:
        repeated: lines that name an image again and say the same of it.
    """

    def __init__(self) -> None:
        self.repeated = 0
        self._entries: dict[str, tuple[str, Row] | DataProblem] = {}

    def add(self, image_id: str, entry: tuple[str, Row] | DataProblem) -> None:
        """Enter an image under its class, or with what is wrong with it.

        An image counts once, however often it is named; a fault in one of its lines makes it a bad one.
        """
        known = self._entries.get(image_id)
        if known is None or (isinstance(entry, DataProblem) and not isinstance(known, DataProblem)):
            self._entries[image_id] = entry
        else:
            self.repeated += 1

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._entries

    def class_of(self, image_id: str) -> str | None:
        """Class of an image, None where it was not entered or is bad."""
        entry = self._entries.get(image_id)
        return entry[0] if isinstance(entry, tuple) else None

    def classes(self) -> list[str]:
        """The classes that have an image, in the order of their first ones."""
        return list(dict.fromkeys(entry[0] for entry in self._entries.values() if isinstance(entry, tuple)))

    def listing(self, root: Path, classes: Sequence[str], remarks: Iterable[str]) -> Listing:
        """Everything that was entered, with a class's place among the classes as its number."""
        number = {name: n for n, name in enumerate(classes)}
        good = [entry for entry in self._entries.values() if isinstance(entry, tuple)]
        repeated = [f"{self.repeated} lines name an image again and say the same of it."] if self.repeated else []
        return listing_of(
            root,
            classes,
            [row._replace(target=number[name]) for name, row in good],
            remarks=(*remarks, *repeated),
            problems=[entry for entry in self._entries.values() if isinstance(entry, DataProblem)],
        )


def files_below(root: Path, folders: Iterable[str]) -> set[str]:
    """Every file in folders of the root that is no link, as path below the root: one walk for all questions about them.

    Hidden files, such as the `._` files of a Mac, and what lies behind a link to a folder are not among them.

    Args:
        root: the data folder.
        folders: below the root.
    """
    found: set[str] = set()
    level = [name for name in folders if not os.path.islink(root / name)]
    while level:
        below: list[str] = []
        for folder in level:
            for entry in entries_of(root / folder):
                name = f"{folder}/{entry.name}"
                if entry.is_file(follow_symlinks=False):
                    found.add(name)
                elif entry.is_dir(follow_symlinks=False):
                    below.append(name)
        level = below
    return found


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """What lies directly in a folder and is not hidden, by name; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:
        return []


def file_fault(root: Path, image_id: str, plain: Container[str], line: Line) -> DataProblem | None:
    """What is wrong with the place of an image, before its pixels are read.

    Args:
        root: the data folder.
        image_id: path below it.
        plain: what `files_below` found; anything else is looked at on its own.
        line: which names the image.
    """
    if not image_id.isprintable():  # a line break would tear a list of image ids apart
        return line.problem(
            f"the file name {quoted(image_id)} holds a control character. Rename the file.", "file_name", line.file
        )
    if image_id in plain:
        return None
    path = root / image_id
    try:
        place = path.resolve(strict=True)
        there = place.is_file()
    except (OSError, RuntimeError):  # RuntimeError: a link to itself
        there = False
    if not there:
        return line.problem(
            f"{quoted(image_id)} is no file in {root}. Restore the file, or remove the line.", "missing", path
        )
    if not place.is_relative_to(root.resolve()):
        return line.problem(
            f"{quoted(image_id)} leads to {place}, outside of the data folder {root}, and only files below that folder "
            "belong to the data set. Copy the file into the folder.",
            "outside",
            path,
        )
    return None


def unnamed(files: Iterable[str], named: Container[str], lists: str) -> list[str]:
    """A sentence for the report about images that no line names, if there are any."""
    over = sorted(name for name in files if name not in named and name.lower().endswith(SUFFIXES))
    return [f"{len(over)} images are named by no line of {lists} and are not used: {over[0]}, ..."] if over else []
