"""What a data set names: files with their labels, before any pixel is read. Every loader of files returns one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from trainables.data.decoding import SUFFIXES
from trainables.data.problems import DataProblem


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The images of a data set on disk.

    Attributes:
        root: the data folder.
        image_ids: path of every image below the root, with forward slashes; sorted within a class.
        targets: [images], class numbers.
        classes: names of the classes.
        lung_masks: path of every image's lung mask below the root, None where it has none.
        patients: patient of every image, None where unknown.
        remarks: sentences that the report carries.
    """

    root: Path
    image_ids: tuple[str, ...]
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    lung_masks: tuple[str | None, ...]
    patients: tuple[str | None, ...]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.image_ids)

    def files(self) -> list[str]:
        """Every file that the data set names, below the root."""
        return [*self.image_ids, *(mask for mask in self.lung_masks if mask is not None)]

    def take(self, rows: Sequence[int]) -> Listing:
        """The images of the given rows."""
        return replace(
            self,
            image_ids=tuple(self.image_ids[n] for n in rows),
            targets=self.targets[list(rows)],
            lung_masks=tuple(self.lung_masks[n] for n in rows),
            patients=tuple(self.patients[n] for n in rows),
        )

    def counts(self) -> dict[str, int]:
        """Images by class."""
        return {name: int((self.targets == n).sum()) for n, name in enumerate(self.classes)}


def down_sample(listing: Listing, seed: int) -> Listing:
    """Keep as many images of every class as the smallest class has, chosen by a hash of seed and path (paper P3)."""
    least = min(listing.counts().values())
    rows: list[int] = []
    for target in range(len(listing.classes)):
        of_class = np.flatnonzero(listing.targets == target).tolist()
        of_class.sort(
            key=lambda n: hashlib.sha256(f"{seed}/{listing.image_ids[n]}".encode("utf-8", "surrogateescape")).digest()
        )
        rows += of_class[:least]
    dropped = len(listing) - len(rows)
    said = f"Every class was down-sampled to the {least} images of the smallest one; {dropped} images are not used."
    return replace(listing.take(sorted(rows)), remarks=(*listing.remarks, said))


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
