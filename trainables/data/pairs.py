"""What two images of a data set should not share: the picture, or across splits the patient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainables.data.decoding import grey_of
from trainables.data.listing import Listing
from trainables.data.problems import BadImage, DataProblem


def doubles(listing: Listing, first: NDArray[np.int64], *, near: bool = False) -> list[DataProblem]:
    """One problem for every image that is a double of an earlier one.

    Args:
        listing: the images.
        first: [images], row of the first image of each one's cluster.
        near: whether the clusters are of near-duplicates; otherwise every pair is compared in full before it counts.
    """
    return [
        _double(listing, row, int(first[row]), near)
        for row in range(len(listing))
        if first[row] != row and (near or _same_picture(listing, row, int(first[row])))
    ]


def _same_picture(listing: Listing, one: int, other: int) -> bool:
    """Whether two images are equal in full size; those of an archive were compared as they are."""
    if listing.archive is not None:
        return True
    paths = [listing.root / listing.image_ids[row] for row in (one, other)]
    try:
        if paths[0].stat().st_size == paths[1].stat().st_size and paths[0].read_bytes() == paths[1].read_bytes():
            return True
        return np.array_equal(grey_of(paths[0]), grey_of(paths[1]))
    except (BadImage, OSError):  # it could be read a moment ago
        return False


def _double(listing: Listing, row: int, other: int, near: bool) -> DataProblem:
    path, name = listing.root / listing.image_ids[row], listing.image_ids[other]
    splits = listing.official[row], listing.official[other]
    across = splits[0] != splits[1]
    what = "is nearly the same picture as" if near else "is the same picture as"
    where = f"; they are in the splits {splits[0]!r} and {splits[1]!r}" if across else ""
    differ = bool(np.any(listing.targets[row] != listing.targets[other]))
    labels = ", and the two carry different labels" if differ else ""
    kind = ("near_duplicate" if near else "duplicate") + ("_across_splits" if across else "")
    return DataProblem(f"{path}: it {what} {name}{where}{labels}. Remove one of them.", kind, path, listing.lines[row])


def patients_in_two_splits(listing: Listing) -> Iterator[DataProblem]:
    """One problem for every patient who is in several of the data set's own splits."""
    rows: dict[str, dict[str, int]] = {}
    for row, (who, split) in enumerate(zip(listing.patients, listing.official, strict=True)):
        if who is not None and split:
            rows.setdefault(who, {}).setdefault(split, row)
    for by_split in rows.values():
        if len(by_split) < 2:
            continue
        (one, first), (other, second) = list(by_split.items())[:2]
        path = listing.root / listing.image_ids[second]
        yield DataProblem(
            f"{path}: its patient is in the split {other!r} here and in {one!r} with {listing.image_ids[first]}, so that a "
            "network would be judged on patients it has seen. Move all images of a patient to one split.",
            "patient_in_two_splits",
            path,
            listing.lines[second],
        )
