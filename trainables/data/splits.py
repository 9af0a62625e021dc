"""Train, val, calib and test: disjoint by group, stratified by class, the same for any order of the images.

Groups (patients, or clusters of near-duplicates) are placed one after another, the largest first, where they raise the
chi-square distance between the counts there are and the counts asked for least. For groups of one image this is
Sainte-Laguë's method of sharing out seats. Ties of size are broken by a hash of the seed and the group's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.spec import SPLITS, Split, SplitName

FEW_TO_CALIBRATE = 50
"""Below so many images in calib, the report says that what is fitted there is uncertain."""


def assign_splits(
    targets: NDArray[Any],
    groups: Sequence[str],
    split: Split,
    *,
    classes: Sequence[str] = (),
    noun: str = "groups",
    official: Set[SplitName] = frozenset(),
) -> NDArray[np.str_]:
    """Name the split of every image.

    Where a class has too few groups for a calib split of its own, no image gets `calib`, and `remarks` says so. Labels,
    unlike classes, may be missing in a split.

    Args:
        targets: [images], class numbers; or [images, labels], 1 where a label is present.
        groups: name of the group of every image; a group is never torn apart.
        split: the shares of the images, and the seed.
        classes: names of the classes, for messages; numbers where left out.
        noun: what a group is, for messages, such as `patients`.
        official: splits that the data set itself has filled with other images; these images are shared out over the rest.

    Returns:
        [images], names from `SPLITS`.

    Raises:
        ValueError: a class that cannot be in every split at once.
    """
    labels = targets.ndim == 2
    kinds = targets.shape[1] if labels else int(np.max(targets, initial=0)) + 1
    named = tuple(classes) or tuple(map(str, range(kinds)))
    require_splittable(targets, groups, classes=named, noun=noun, official=official)
    names, rows = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    counts = _counts(targets, rows, len(names), len(named))
    order = _order(names, counts[:, -1] if labels else counts.sum(1), split.seed)
    missing = ""
    for shares in _shares(split, official):
        ordered = _place(counts[order], np.array(list(shares.values())))
        # of labels, only that a split has any image is asked for; the last column counts them
        held, kinds_of = (counts[order][:, -1:], ("any",)) if labels else (counts[order], named)
        missing = _missing(held, ordered, list(shares), kinds_of)
        if not missing:
            places = np.empty(len(names), np.int64)
            places[order] = ordered
            return np.array(list(shares))[places[rows]]
    raise ValueError(
        f"{missing}, because most of its {noun} hold images of other classes too and would take them along. Every class "
        f"must be in {_listed(_required(official))}. Add {noun} to that class, or leave it out."
    )


def require_splittable(
    targets: NDArray[Any],
    groups: Sequence[str],
    *,
    classes: Sequence[str],
    noun: str = "groups",
    official: Set[SplitName] = frozenset(),
) -> None:
    """Refuse what has too few groups for its splits; cheap enough to ask before decoding.

    Raises:
        ValueError: names the class, its counts and the way out.
    """
    held, needed = np.asarray(groups, dtype=np.str_), _required(official)
    if targets.ndim == 2:
        if len(np.unique(held)) < len(needed):
            raise ValueError(
                f"There are {_counted(len(targets), 'images')} of {_counted(len(np.unique(held)), noun)}, and "
                f"{_listed(needed)} share no {noun}: {len(needed)} are needed at least. Add images."
            )
        return
    for number, name in enumerate(classes):
        images = int((targets == number).sum())
        count = len(np.unique(held[targets == number]))
        if count < len(needed):
            raise ValueError(
                f"Class {name!r} has {_counted(images, 'images')} of {_counted(count, noun)}; every class must be in "
                f"{_listed(needed)}, which share no {noun}, so that it needs {len(needed)} at least. Add images of it, or "
                "leave the class out."
            )


def require_disjoint(groups: Sequence[str], splits: NDArray[np.str_]) -> None:
    """Refuse splits that tear a group apart.

    Raises:
        ValueError: names the first leaking group and its splits.
    """
    seen: dict[str, str] = {}
    for group, name in zip(groups, splits.tolist(), strict=True):
        if seen.setdefault(group, name) != name:
            raise ValueError(
                f"Group {group!r} has images in {seen[group]!r} and in {name!r}: a network that has seen a patient is "
                "judged on the same patient. Assign splits by group (assign_splits does)."
            )


def calibration_split(splits: NDArray[np.str_]) -> SplitName:
    """The split that calibration is fitted on: calib, or val where there is no calib."""
    return "calib" if bool((splits == "calib").any()) else "val"


def remarks(splits: NDArray[np.str_], split: Split, official: Set[SplitName] = frozenset()) -> tuple[str, ...]:
    """Sentences for the report about where the splits are not what one would take them for.

    Args:
        splits: name of the split of every image.
        split: the shares that were asked for.
        official: splits that the data set itself has filled.
    """
    calib = int((splits == "calib").sum())
    said = []
    if split.calib == 0 and calib == 0:
        said.append("Calibration is fitted on val, because the split asks for no calib part (split/calib is 0).")
    elif calib == 0:
        said.append("Calibration is fitted on val, because a class is too small for a calib split of its own.")
    elif calib < FEW_TO_CALIBRATE:
        said.append(f"The calib split holds {calib} images only: what is fitted on it is uncertain.")
    shared = splits[~np.isin(splits, list(official))]
    for name, share in _shares(split, official)[-1 if calib == 0 else 0].items():
        actual = float((shared == name).mean())
        if abs(actual - share) > max(0.03, 0.25 * share):
            said.append(
                f"The {name} split holds {actual:.0%} of the images instead of {share:.0%}, because groups are large or "
                "classes small."
            )
    return tuple(said)


def _required(official: Set[SplitName]) -> list[SplitName]:
    """The splits that must get an image of every class; calib can be done without."""
    return [name for name in SPLITS if name != "calib" and name not in official]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _counts(targets: NDArray[Any], rows: NDArray[np.int64], groups: int, classes: int) -> NDArray[np.int64]:
    """[groups, classes] images; or, of labels, images where each is present (those that ever are), and images at all."""
    if targets.ndim == 1:
        counts = np.zeros((groups, classes), np.int64)
        np.add.at(counts, (rows, targets), 1)
        return counts
    present = np.column_stack([targets[:, (targets == 1).any(0)] == 1, np.ones(len(targets), np.bool_)])
    counts = np.zeros((groups, present.shape[1]), np.int64)
    np.add.at(counts, rows, present)
    return counts


def _shares(split: Split, official: Set[SplitName]) -> list[dict[SplitName, float]]:
    """The shares as asked for, then without calib, whose share goes to train."""
    given = {"val": split.val, "calib": split.calib, "test": split.test}
    given = {name: share for name, share in given.items() if name not in official}
    train = 1.0 - sum(given.values())
    with_calib: dict[SplitName, float] = {
        name: given.get(name, train) for name in SPLITS if name == "train" or name in given
    }
    without: dict[SplitName, float] = {name: share for name, share in with_calib.items() if name != "calib"}
    without["train"] += given.get("calib", 0.0)
    return [with_calib, without] if given.get("calib", 0.0) > 0 else [without]


def _order(names: NDArray[np.str_], sizes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Largest groups first; among equals by a hash that knows the seed and the name, not the position."""
    hashes = [hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest() for name in names.tolist()]
    return np.array(sorted(range(len(names)), key=lambda n: (-sizes[n], hashes[n])), np.int64)


def _place(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the split of every group, for counts[groups, classes] in the order of placing."""
    wanted = shares[:, None] * counts.sum(0)
    held = np.zeros_like(wanted)
    places = np.empty(len(counts), np.int64)
    for number, group in enumerate(counts):
        # rounded, so that the order of a sum cannot decide a tie on another machine
        places[number] = np.argmin(np.round(((2 * held + group) * group / wanted).sum(1), 9))
        held[places[number]] += group
    return _cover(counts, places, wanted)


def _cover(counts: NDArray[np.int64], places: NDArray[np.int64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """Move groups, one at a time, to splits that lack one of their classes, as long as that makes fewer lacks."""
    present, rows = counts > 0, np.arange(len(counts))
    while True:
        held = np.stack([counts[places == n].sum(0) for n in range(len(wanted))])
        holders = np.stack([present[places == n].sum(0) for n in range(len(wanted))])
        fewer = present.astype(np.int64) @ (holders == 0).T.astype(np.int64)
        fewer -= (present & (holders[places] == 1)).sum(1)[:, None]
        fewer[rows, places] = 0
        if fewer.max() <= 0:
            return places
        added = ((2 * held[None] + counts[:, None]) * counts[:, None] / wanted).sum(2)
        removed = ((2 * held[places] - counts) * counts / wanted[places]).sum(1)
        cost = np.where(fewer == fewer.max(), np.round(added - removed[:, None], 9), np.inf)
        group, place = np.unravel_index(np.argmin(cost), cost.shape)
        places[group] = place


def _missing(
    counts: NDArray[np.int64], places: NDArray[np.int64], splits: Sequence[str], classes: Sequence[str]
) -> str:
    for number, split in enumerate(splits):
        held = counts[places == number].sum(0)
        for target, name in enumerate(classes):
            if held[target] == 0:
                return f"No image of class {name!r} could be put into {split}"
    return ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun.removesuffix('s') if count == 1 else noun}"
