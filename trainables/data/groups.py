"""What no split may tear apart: the images of a patient, and near-duplicates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.disjoint_sets import DisjointSets
from trainables.data.listing import Listing


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups of a data set.

    Attributes:
        names: group of every image: its patient; the first patient, where near-duplicates join several; the first
            image of its cluster, where no patient is known.
        patients_known: whether any patient is known.
        remarks: sentences that the report carries.
    """

    names: tuple[str, ...]
    patients_known: bool
    remarks: tuple[str, ...]

    @property
    def noun(self) -> str:
        """What a group is, for messages."""
        return "patients" if self.patients_known else "groups of near-duplicates"


def group_images(listing: Listing, duplicates: NDArray[np.int64]) -> Groups:
    """Join images by patient and by near-duplicates.

    Args:
        listing: the images, with their patients where known.
        duplicates: [images], row of the first image of each one's cluster of near-duplicates.
    """
    known = any(patient is not None for patient in listing.patients)
    sets = DisjointSets(len(listing))
    first_row: dict[str, int] = {}
    for row, patient in enumerate(listing.patients):
        if patient is not None:
            sets.join(row, first_row.setdefault(patient, row))
    for row, first in enumerate(duplicates.tolist()):
        sets.join(row, first)
    members: dict[int, list[int]] = {}
    for row, root in enumerate(sets.roots().tolist()):
        members.setdefault(root, []).append(row)
    names: list[str] = [""] * len(listing)
    for rows in members.values():
        name = _name(listing, rows)
        for row in rows:
            names[row] = name
    said = _joined_patients(listing, list(members.values())) if known else _unknown_patients(duplicates)
    return Groups(names=tuple(names), patients_known=known, remarks=(*said, *contradictions(listing, duplicates)))


def pseudonyms(groups: Groups) -> tuple[str, ...]:
    """Names of the groups as they are stored: patients under a hash, so that no identifier leaves the data folder.

    The same patient has the same pseudonym everywhere. Whoever has a list of identifiers can hash them all: this keeps
    names out of logs and artifacts, and is no anonymisation.
    """
    if not groups.patients_known:
        return groups.names
    return tuple(
        "patient-" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12] for name in groups.names
    )


def _name(listing: Listing, rows: list[int]) -> str:
    patients = [patient for row in rows if (patient := listing.patients[row]) is not None]
    return min(patients) if patients else min(listing.image_ids[row] for row in rows)


def _unknown_patients(duplicates: NDArray[np.int64]) -> tuple[str, ...]:
    alike, clusters = _doubled(duplicates)
    return (
        "Patients are unknown: images of one patient may lie on both sides of a split, so that figures on test may be "
        f"too good. Only near-duplicates were kept on one side ({alike} images in {clusters} clusters). "
        "Pass --patients FILE.csv if you know the patients.",
    )


def _joined_patients(listing: Listing, members: list[list[int]]) -> tuple[str, ...]:
    together = [len({listing.patients[row] for row in rows} - {None}) for rows in members]
    joined = [count for count in together if count > 1]
    if not joined:
        return ()
    return (
        f"Near-duplicates join {sum(joined)} patients to {len(joined)} groups, each kept on one side of the splits: the "
        "same image under two patients.",
    )


def contradictions(listing: Listing, duplicates: NDArray[np.int64]) -> tuple[str, ...]:
    """A sentence about near-duplicates under different classes, if there are any."""
    differ = listing.targets != listing.targets[duplicates]
    rows = np.flatnonzero(differ.any(1) if listing.multilabel else differ).tolist()
    if not rows:
        return ()
    one, other = listing.image_ids[int(duplicates[rows[0]])], listing.image_ids[rows[0]]
    return (f"{len(rows)} near-duplicates carry another class than their double, such as {one} and {other}.",)


def _doubled(duplicates: NDArray[np.int64]) -> tuple[int, int]:
    """Images that have a near-duplicate, and clusters of them."""
    sizes = np.bincount(duplicates)
    return int(sizes[sizes > 1].sum()), int((sizes > 1).sum())
