"""Whether an external data set holds images or patients that a network was trained or chosen on."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.duplicates import near_duplicates
from trainables.data.images import ImageSet
from trainables.data.stored import THUMBNAILS, load
from trainables.spec import SPLITS


def overlap_remarks(own_folder: Path, other_folder: Path, own_arrays: Path | None = None) -> tuple[str, ...]:
    """Sentences about what two prepared data sets share; none if they share nothing.

    Images count as the same if all decoded pixels are equal, and as near-duplicates by `near_duplicates`. Patients are
    compared by name, where both data sets know them.

    Args:
        own_folder: the data that the network was made with.
        other_folder: the data it shall be judged on, decoded to the same size.
        own_arrays: where the decoded images of the first lie, if not beside its table.
    """
    own, other = load(own_folder, own_arrays), load(other_folder)
    same = _same_as(own, other)
    remarks = [_about_same(own, same)] if (same >= 0).any() else []
    near = _near(own_arrays or own_folder, own.pixels.rows, other_folder, other.pixels.rows) & (same < 0)
    if near.any():
        remarks.append(
            f"{int(near.sum())} of {len(other)} images are near-duplicates of images of the sweep's own data (scaled, "
            "compressed or brightened). Look at them before calling this an external validation."
        )
    return (*remarks, *_about_patients(own, other))


def _same_as(own: ImageSet, other: ImageSet) -> NDArray[np.int64]:
    """[other images], the row of an equal image in the own data, or -1."""
    rows = {digest: row for row, digest in enumerate(_digests(own))}
    return np.array([rows.get(digest, -1) for digest in _digests(other)], np.int64)


def _digests(images: ImageSet) -> list[bytes]:
    return [hashlib.sha256(pixels.tobytes()).digest() for pixels in images.pixels]


def _near(
    own_arrays: Path, own_rows: NDArray[np.int64], other_arrays: Path, other_rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """[other images], whether a chain of near-duplicates leads to an image of the own data."""
    if not (own_arrays / THUMBNAILS).exists():
        return np.zeros(len(other_rows), np.bool_)
    own = np.load(own_arrays / THUMBNAILS, mmap_mode="r")[own_rows]
    other = np.load(other_arrays / THUMBNAILS, mmap_mode="r")[other_rows]
    roots = near_duplicates(np.concatenate([own, other]))
    return np.isin(roots[len(own) :], roots[: len(own)])


def _about_same(own: ImageSet, same: NDArray[np.int64]) -> str:
    found = same[same >= 0]
    counts = Counter(own.splits[found].tolist())
    told = ", ".join(f"{counts[split]} in {split}" for split in SPLITS if counts[split])
    return (
        f"{len(found)} of {len(same)} images are pixel for pixel in the sweep's own data ({told}): on them this is no "
        "external validation. Leave them out."
    )


def _about_patients(own: ImageSet, other: ImageSet) -> tuple[str, ...]:
    if not (own.patients_known and other.patients_known):
        return ()
    patients = set(other.groups) - set(other.image_ids)  # an image without a patient is a group by its own name
    shared = patients & set(own.groups)
    if not shared:
        return ()
    return (
        f"{len(shared)} of {len(patients)} patients bear the name of a patient of the sweep's own data, such as "
        f"{min(shared)!r}. If they are the same persons, leave them out.",
    )
