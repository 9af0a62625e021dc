"""Official splits that are not disjoint: the same patient, or the same picture, on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainables.data.listing import Listing
from trainables.data.problems import DataProblem
from trainables.spec import SplitName


def torn_apart(listing: Listing, official: Sequence[SplitName | None], equal: NDArray[np.int64]) -> list[DataProblem]:
    """Images of the training part whose patient, or whose double, is in a split that the data set holds out.

    Leaving them out makes the splits disjoint and keeps what results are reported on as it was published.

    Args:
        listing: the images.
        official: split of every image by the data set, None for its training part.
        equal: [images], row of the first picture that is equal, pixel for pixel.
    """
    held = {row: name for row, name in enumerate(official) if name}
    if not held:
        return []
    patients = {listing.patients[row]: row for row in held if listing.patients[row] is not None}
    pictures = {int(equal[row]): row for row in held}
    problems = []
    for row in range(len(listing)):
        if row in held:
            continue
        patient, picture = listing.patients[row], int(equal[row])
        if patient is not None and patient in patients:
            problems.append(_problem(listing, row, patients[patient], "patient_in_two_splits", "shows a patient of"))
        elif picture in pictures:
            problems.append(
                _problem(listing, row, pictures[picture], "duplicate_across_splits", "is the same picture as")
            )
    return problems


def across(duplicates: NDArray[np.int64], official: Sequence[SplitName | None]) -> tuple[str, ...]:
    """A sentence about near-duplicates between the training part and what the data set holds out, if there are any.

    They are no error: the splits are as published, and two radiographs of a large set may resemble each other by chance.

    Args:
        duplicates: [images], row of the first image of each one's cluster of near-duplicates.
        official: split of every image by the data set, None for its training part.
    """
    held = np.array([name is not None for name in official])
    if not held.any():
        return ()
    alike = int(np.isin(duplicates[~held], duplicates[held]).sum())
    if not alike:
        return ()
    return (f"{alike} images of the training part are near-duplicates of images that the official splits hold out.",)


def _problem(listing: Listing, row: int, other: int, kind: str, what: str) -> DataProblem:
    path = listing.root / listing.image_ids[row]
    return DataProblem(
        f"{path}: it is in {listing.official[row] or 'no split'!r} and {what} {listing.image_ids[other]} in "
        f"{listing.official[other]!r}, so that a network would be judged on what it has seen. Remove it, or leave such "
        "images out with --on-bad-image skip.",
        kind,
        path,
    )
