"""The layout of ImageCLEF's medical annotation task (IRMA).

    <root>/labels.csv          image_id;irma_code;05_class;06_class;07_irma_code;08_irma_code
                               1880;1121-127-700-500;26;26;1121-127-700-500;1121-127-700-500
    <root>/images/1880.png     or in a folder of another name beside the label file, or in the root itself

The label file may be separated by commas and have any name; other CSV files may lie beside it. `class_code;class_name` in
place of the IRMA columns will do. An image is found by its name without the ending.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from trainables.data.csv_lines import Line
from trainables.data.decoding import SUFFIXES
from trainables.data.imageclef_labels import COLUMNS, ID, Labels, in_order, label_files, require_label_file
from trainables.data.listing import Listing, Row
from trainables.data.named_files import Named, entries_of, file_fault, unnamed
from trainables.data.paths import normal_path
from trainables.data.problems import DataProblem
from trainables.data.selection import without_small_classes
from trainables.data.wording import quoted
from trainables.spec import ImageClef

EXPECTED = f"a CSV file with the first column {ID} and one of {', '.join(COLUMNS)}, beside a folder with images"

_FOLDER = "images"


def matches(root: Path) -> bool:
    """Whether a folder has a label file."""
    return bool(label_files(root))


def list_files(root: Path, spec: ImageClef, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images that the label file of a folder names.

    Args:
        root: the data folder.
        spec: says which column, and what of an IRMA code, makes the class.
        renamed: changes nothing here.

    Raises:
        DataProblem: no label file or several, one that is no CSV or names no image, a column that is not there.
    """
    file = require_label_file(root)
    labels, images, named = Labels(file, spec), _Images(root), Named()
    for line in labels.lines:
        image_id, fault = images.find(line)
        entry = fault or labels.class_in(line, root / image_id)
        before = named.class_of(image_id)
        if isinstance(entry, str) and before not in (None, entry):
            entry = line.problem(
                f"image {quoted(line.at(0))} has class {quoted(entry)} here and {quoted(str(before))} in a line above. "
                "Remove one of the lines.",
                "duplicate_row",
                root / image_id,
            )
        named.add(image_id, entry if isinstance(entry, DataProblem) else (entry, Row(image_id, 0)))
    codes = in_order(named.classes())
    listing = named.listing(root, codes, unnamed(images.found, named, file.path.name))
    return replace(listing, classes=tuple(labels.names(codes)))


def select(listing: Listing, spec: ImageClef) -> Listing:
    """Leave out the classes that have too few images."""
    return without_small_classes(listing, spec.min_images)


class _Images:
    """The images that lie in a data folder, to be found by their names.

    Attributes:
        found: path of every one below the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.found: list[str] = []
        self._plain: set[str] = set()
        self._look_in(_FOLDER)
        self._folder = _FOLDER
        if not self.found:
            self._folder = ""
            for folder in ("", *(entry.name for entry in entries_of(root) if os.path.isdir(entry.path))):
                self._look_in(folder)
        self._by_name: dict[str, list[str]] = {}
        for image_id in self.found:
            name = image_id.rpartition("/")[2]
            for known in {image_id, name, Path(name).stem}:
                self._by_name.setdefault(known, []).append(image_id)

    def find(self, line: Line) -> tuple[str, DataProblem | None]:
        """Path of a line's image below the root, or a name of its own where it has none; and what is wrong with it."""
        text = line.at(0)
        normal = normal_path(text)
        if normal is None:
            return f"line {line.number}", line.problem(
                f"the image id {quoted(text)} is empty, absolute or leaves the data folder. Write the name of the image "
                "without folder and ending.",
                "outside",
            )
        there = self._by_name.get(normal, [])
        if len(there) > 1:
            return normal, line.problem(
                f"image {quoted(text)} may be {' or '.join(map(quoted, there[:3]))}. Remove the others.",
                "file_name",
                self._root / there[0],
            )
        image_id = there[0] if there else normal if "/" in normal else f"{self._folder}/{normal}".lstrip("/")
        return image_id, file_fault(self._root, image_id, self._plain, line)

    def _look_in(self, folder: str) -> None:
        linked = os.path.islink(self._root / folder)
        for entry in entries_of(self._root / folder):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if name.lower().endswith(SUFFIXES) and os.path.isfile(entry.path):
                self.found.append(name)
                if not linked and not entry.is_symlink():
                    self._plain.add(name)
