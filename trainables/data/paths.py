"""Paths inside a data folder: which files lie there, and that none leads out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from trainables.data.decoding import SUFFIXES
from trainables.data.problems import DataProblem


def image_files(root: Path, folder: str) -> tuple[list[str], list[str]]:
    """Names of the images directly in a folder below the root, sorted, and of what is no image by its name.

    Hidden files, such as the `._` files of a Mac, are in neither.

    Raises:
        DataProblem: a link that leaves the data folder.
    """
    images: list[str] = []
    others: list[str] = []
    for entry in _entries(root, folder):
        if not entry.name.startswith(".") and entry.is_file():
            is_image = entry.name.lower().endswith(SUFFIXES)
            (images if is_image else others).append(entry.name)
    return sorted(images), sorted(others)


def _entries(root: Path, folder: str) -> Iterator[os.DirEntry[str]]:
    require_inside(root, root / folder)
    with os.scandir(root / folder) as entries:
        for entry in entries:
            if not entry.name.isprintable():  # a line break would tear a list of image ids apart
                raise DataProblem(
                    f"{root / folder}: the file name {entry.name!r} holds a control character or is no UTF-8. Rename it.",
                    "file_name",
                    root / folder,
                )
            if entry.is_symlink():
                require_inside(root, Path(entry.path))
            yield entry


def require_inside(root: Path, path: Path) -> None:
    """Refuse a path whose real place is not below the data folder.

    Raises:
        DataProblem: names the path and where it leads.
    """
    place = path.resolve()
    if not place.is_relative_to(root.resolve()):
        raise DataProblem(
            f"{path}: it leads to {place}, outside of the data folder {root}, and only files below that folder belong to "
            "the data set. Copy the file into the folder.",
            "outside",
            path,
        )


def normal_path(text: str) -> str | None:
    """A relative path with forward slashes and without dots, or None where it is absolute or leaves its folder."""
    path = PurePosixPath(text.strip().replace("\\", "/"))
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return None if path.is_absolute() or not parts else "/".join(parts)
