"""Images at any depth below a folder, DICOM files among them; links that lead out of the data folder are problems."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from trainables.data.dicom import is_dicom
from trainables.data.formats import DICOM_SUFFIXES, PILLOW_SUFFIXES
from trainables.data.problems import DataProblem

SEARCHED = 5_000
"""Entries of a folder that are looked at to tell a layout; what was asked about may be the root of a whole disk."""

_NO_DATA = ("__MACOSX", "DICOMDIR")
"""What archives of a Mac, and discs of a scanner, hold beside the images."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What lies below a folder: paths below the data folder, sorted.

    Attributes:
        images: files that are images by their names, and DICOM files.
        dicom: which of them are DICOM.
        others: files that are neither.
        problems: links and names that cannot be used, one for each.
    """

    images: list[str] = field(default_factory=list)
    dicom: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    problems: list[DataProblem] = field(default_factory=list)


def tree_below(root: Path, folder: str) -> Tree:
    """Look through a folder below the data folder, following links that stay in it.

    Raises:
        DataProblem: a folder that cannot be read.
    """
    tree = Tree()
    real_root = os.path.realpath(root)
    pending: list[tuple[str, tuple[str, ...]]] = [(folder, (os.path.realpath(root / folder),))]
    if not _is_inside(pending[0][1][0], real_root) or not folder.isprintable():
        is_inside = _is_inside(pending.pop()[1][0], real_root)
        tree.problems.append(_unprintable(root, folder) if is_inside else _outside(root, folder))
    while pending:  # no recursion: folders may be nested deeper than Python's stack
        here, above = pending.pop()
        for entry in entries_of(root / here):
            name = f"{here}/{entry.name}"
            place = os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
            if entry.is_symlink() and not _is_inside(place, real_root):
                tree.problems.append(_outside(root, name))
            elif not entry.name.isprintable():  # a line break would tear a list of image ids apart
                tree.problems.append(_unprintable(root, name))
            elif entry.is_dir():
                pending += [] if place in above else [(name, (*above, place))]  # a link may lead in a circle
            else:
                _sort_in(tree, root, name)
    for names in (tree.images, tree.others):
        names.sort()
    return tree


def folders_in(folder: Path) -> list[str]:
    """Names of the folders directly in a folder, sorted.

    Raises:
        DataProblem: a folder that cannot be read.
    """
    return sorted(entry.name for entry in entries_of(folder) if entry.is_dir())


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder that are not hidden.

    Raises:
        DataProblem: a folder that cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _NO_DATA]
    except OSError as error:
        raise DataProblem(
            f"{folder}: the folder cannot be read ({error.strerror}). Restore its permissions, or move it away.",
            "unreadable",
            folder,
        ) from error


def has_image(folder: Path) -> bool:
    """Whether there is an image in a folder or below it, among the first entries; links are not followed."""
    try:
        return any(path is not None and is_image(path) for path in islice(_walk(folder), SEARCHED))
    except (DataProblem, OSError):
        return False


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name, or DICOM by its first bytes where its name tells nothing.

    Raises:
        OSError: a file that had to be opened and cannot be.
    """
    return path.name.lower().endswith(PILLOW_SUFFIXES) or _is_dicom(path)


def _is_dicom(path: Path) -> bool:
    suffix = PurePosixPath(path.name.lower()).suffix
    # scanners name files by numbers with dots; to open every other file would take long
    tells_nothing = not suffix or suffix[1:].isdigit()
    return (suffix in DICOM_SUFFIXES or tells_nothing) and is_dicom(path)


def _sort_in(tree: Tree, root: Path, name: str) -> None:
    path = root / name
    try:
        if not path.exists():  # a link whose file was moved away
            raise FileNotFoundError
        found = path.is_file() and is_image(path)
        if found and not path.name.lower().endswith(PILLOW_SUFFIXES):
            tree.dicom.add(name)
        (tree.images if found else tree.others).append(name)
    except OSError as error:
        kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        rule = "the link leads nowhere." if kind == "missing" else f"the file cannot be read ({error.strerror})."
        tree.problems.append(DataProblem(f"{path}: {rule} Restore the file, or remove it.", kind, path))


def _walk(folder: Path) -> Iterator[Path | None]:
    """Files in a folder and below it, and None for every folder."""
    pending = [folder]
    while pending:
        for entry in entries_of(pending.pop()):
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
                yield None
            elif entry.is_file():
                yield Path(entry.path)


def _is_inside(place: str, real_root: str) -> bool:
    return Path(place).is_relative_to(real_root)


def _outside(root: Path, name: str) -> DataProblem:
    path = root / name
    return DataProblem(
        f"{path}: it leads out of the data folder {root}, and only files below that folder belong to the data set. Copy what "
        "it leads to into the folder, or remove it.",
        "outside",
        path,
    )


def _unprintable(root: Path, name: str) -> DataProblem:
    return DataProblem(
        f"{root / name!r}: the name holds a control character or is no UTF-8. Rename it.", "file_name", root / name
    )
