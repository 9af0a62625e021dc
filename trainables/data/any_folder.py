"""Images of a user's own, in whatever folders they lie: no layout, no labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.decode_all import decoding_threads
from trainables.data.decoding import FORMATS, SUFFIXES, decode_grey
from trainables.data.problems import BadImage, DataProblem


@dataclass(frozen=True, kw_only=True)
class FoundImages:
    """Images below a folder.

    Attributes:
        root: the folder, or that of a single file.
        names: paths below it, with forward slashes, sorted.
        others: files that are no images by their name; hidden files are in neither.
    """

    root: Path
    names: tuple[str, ...]
    others: tuple[str, ...] = ()


def find_images(place: Path) -> FoundImages:
    """Find the images in a folder and all below it, or take a single file.

    Raises:
        DataProblem: a place that does not exist, or holds no image.
    """
    if place.is_file():
        return FoundImages(root=place.parent, names=(place.name,))
    if not place.is_dir():
        raise DataProblem(f"{place}: there is no such folder or file. Check the path of the images.", "missing", place)
    files = sorted(path.relative_to(place).as_posix() for path in _walk(place, ()))
    names = tuple(name for name in files if name.lower().endswith(SUFFIXES))
    if not names:
        what = f"{len(files)} other files, such as {files[0]}" if files else "no file"
        raise DataProblem(
            f"{place}: there is no image in it or below it, but {what}. Images end in {', '.join(SUFFIXES)}. Check the "
            f"folder, or convert the images to {' or '.join(FORMATS[:2])}.",
            "no_image",
            place,
        )
    return FoundImages(root=place, names=names, others=tuple(name for name in files if name not in set(names)))


def decode_some(root: Path, names: Sequence[str], size: int) -> list[NDArray[np.uint8] | BadImage]:
    """Decode images side by side; in the place of a bad one stands what is wrong with it."""

    def decode(name: str) -> NDArray[np.uint8] | BadImage:
        try:
            return decode_grey(root / name, size)
        except BadImage as problem:
            return problem

    with ThreadPoolExecutor(decoding_threads()) as pool:
        return list(pool.map(decode, names))


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Files below a folder; links are followed, but not in a circle."""
    here = folder.resolve()
    if here in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataProblem(
            f"{folder}: the folder cannot be read ({error.strerror}). Restore its permissions, or move it away.",
            "unreadable",
            folder,
        ) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(folder / entry.name, (*above, here))
        else:
            yield folder / entry.name
