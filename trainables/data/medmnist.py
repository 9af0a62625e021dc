"""The layout of the two-dimensional MedMNIST data sets: one `<name>.npz`, alone or in a folder.

    train_images   uint8 [images, height, width] or [images, height, width, 3]
    train_labels   integers [images, 1] or [images]: the class; or [images, labels] of 0 and 1
    val_..., test_...

Any of the splits may be missing. What the numbers mean is not in the file; it is known by the name of the file, which may
end in a size, as in `chestmnist_224.npz`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.listing import Listing, listing_of
from trainables.data.medmnist_arrays import Part, meaning_of, read_part, require_alike, rows_of
from trainables.data.medmnist_names import names_of
from trainables.data.named_files import entries_of
from trainables.data.npz import Rows, keys_of
from trainables.data.paths import require_inside
from trainables.data.problems import DataProblem
from trainables.data.wording import shown
from trainables.spec import MedMnist, nearest

SPLITS = ("train", "val", "test")
EXPECTED = "<name>.npz with the arrays train_images and train_labels, and the same for val and test"


def matches(root: Path) -> bool:
    """Whether this is an `.npz` file, or a folder with one of MedMNIST."""
    return bool(_candidates(root)) if root.is_dir() else root.suffix.lower() == ".npz" and os.path.isfile(root)


def list_files(root: Path, spec: MedMnist, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images of a file in this layout; their paths are names such as `train/000123`.

    Args:
        root: the file, or the folder that it lies in.
        spec: says which of several files is meant.
        renamed: changes nothing here.

    Raises:
        DataProblem: no such file or several, one that is damaged, an array that is missing or of another type or shape.
    """
    file = _chosen(root, spec)
    parts = _parts(file)
    classes, numbers = meaning_of(file, parts)
    rows, problems = [], []
    for part in parts:
        good, bad = rows_of(file, part, numbers, len(classes))
        rows += good
        problems += bad
    if not rows and not problems:
        raise DataProblem(f"{file}: it holds no image. Copy the file again.", "missing", file)
    return listing_of(
        file.parent,
        classes,
        rows,
        problems=problems,
        archive=file.name,
        native_size=min(parts[0].height, parts[0].width),
    )


def select(listing: Listing, spec: MedMnist) -> Listing:
    """All of it is used."""
    return listing


class Images:
    """Reads the images of a listing from its file, in order; going back is possible, and slow."""

    def __init__(self, listing: Listing) -> None:
        self._file = listing.root / str(listing.archive)
        self._image_ids = listing.image_ids
        self._split, self._rows = "", Rows(self._file, "")

    def read(self, rows: range) -> Sequence[NDArray[np.uint8]]:
        """Raw images of consecutive rows of the listing.

        Raises:
            DataProblem: the file ends before them, or is damaged.
        """
        return [self._image(self._image_ids[row]) for row in rows]

    def _image(self, image_id: str) -> NDArray[Any]:
        split, _, number = image_id.partition("/")
        if split != self._split:
            self._rows.close()
            self._split, self._rows = split, Rows(self._file, f"{split}_images")
        return self._rows.row(int(number))


def _parts(file: Path) -> list[Part]:
    keys = keys_of(file)
    splits = [split for split in SPLITS if {f"{split}_images", f"{split}_labels"} & keys]
    if not splits:
        raise DataProblem(
            f"{file}: it has no array 'train_images'; it holds {shown(', '.join(sorted(keys)) or 'none')}. The layout is "
            f"{EXPECTED}.",
            "missing_column",
            file,
        )
    parts = [read_part(file, split, keys) for split in splits]
    require_alike(file, parts)
    return parts


def _candidates(folder: Path) -> dict[str, Path]:
    """Files of MedMNIST in a folder, by their names without the ending; also damaged ones that are called as such."""
    found = (Path(entry.path) for entry in entries_of(folder) if entry.name.lower().endswith(".npz"))
    return {file.stem: file for file in found if os.path.isfile(file) and (names_of(file.stem) or _has_part(file))}


def _has_part(file: Path) -> bool:
    try:
        keys = keys_of(file)
    except DataProblem:
        return False
    return any({f"{split}_images", f"{split}_labels"} <= keys for split in SPLITS)


def _chosen(root: Path, spec: MedMnist) -> Path:
    files = _candidates(root) if root.is_dir() else {root.stem: root}
    wanted = spec.name and spec.name.removesuffix(".npz")
    if not files or (wanted and wanted not in files):
        what = f"no file {wanted}.npz" if wanted else "no .npz file of MedMNIST"
        way_out = nearest(str(wanted), files) if files else f"The layout is {EXPECTED}."
        raise DataProblem(f"{root}: there is {what}. {way_out}", "missing", root)
    if not wanted and len(files) > 1:
        raise DataProblem(
            f"{root}: it holds {len(files)} data sets: {', '.join(files)}. Set data/name to the one that is meant.",
            "layout",
            root,
        )
    file = files[wanted] if wanted else next(iter(files.values()))
    if root.is_dir():
        require_inside(root, file)
    return file
