"""Official splits that are not disjoint: the same patient, or the same picture, on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.listing import Listing
from trainables.data.problems import DataProblem
from trainables.spec import SplitName

RANK: dict[SplitName | None, int] = {None: 0, "train": 0, "calib": 1, "val": 2, "test": 3}
"""Of two splits that share a patient, the one of the higher rank keeps it: what results are reported on stays whole."""


def torn_apart(listing: Listing, official: Sequence[SplitName | None], equal: NDArray[np.int64]) -> list[DataProblem]:
    """Images whose patient, or whose double, is also in an official split of higher rank.

    Leaving them out makes the splits disjoint and keeps what results are reported on as it was published.

    Args:
        listing: the images.
        official: split of every image by the data set, None for its training part.
        equal: [images], row of the first picture that is equal, pixel for pixel.
    """
    if not any(official):
        return []
    ranks = [RANK[name] for name in official]
    patients = _highest(listing.patients, ranks)
    pictures = _highest(equal.tolist(), ranks)
    problems = []
    for row, (who, picture, rank) in enumerate(zip(listing.patients, equal.tolist(), ranks, strict=True)):
        if who is not None and ranks[patients[who]] > rank:
            problems.append(_problem(listing, row, patients[who], "patient_in_two_splits", "shows the patient of"))
        elif ranks[pictures[picture]] > rank:
            problems.append(
                _problem(listing, row, pictures[picture], "duplicate_across_splits", "is the same picture as")
            )
    return problems


def _highest(names: Sequence[Any], ranks: Sequence[int]) -> dict[Any, int]:
    """For every name the row where its rank is highest."""
    best: dict[Any, int] = {}
    for row, name in enumerate(names):
        if name not in best or ranks[row] > ranks[best[name]]:
            best[name] = row
    return best


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
        f"{path}: it is in {listing.official[row] or 'train'!r} and {what} {listing.image_ids[other]} in "
        f"{listing.official[other]!r}, so that a network would be judged on what it has seen. Remove it, or leave such "
        "images out with --on-bad-image skip.",
        kind,
        path,
        listing.lines[row],
    )
