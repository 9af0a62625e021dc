"""The table of a data set: which of the decoded images are used, in which split, with which targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.data.decode_all import bad_images, decoded_ids
from trainables.data.groups import Groups, group_images, pseudonyms
from trainables.data.layouts import LAYOUTS
from trainables.data.listing import Listing
from trainables.data.policies import targets_of
from trainables.data.problems import DataProblem, all_problems, as_plain, several
from trainables.data.splits import assign_splits, remarks, require_disjoint, require_splittable
from trainables.data.stored import DIGESTS, DUPLICATES, Table, write_table
from trainables.data.torn import across, torn_apart
from trainables.spec import FileSpec, Split, SplitName


def tabulate(
    listing: Listing,
    spec: FileSpec,
    split: Split,
    *,
    arrays: Path,
    folder: Path,
    on_bad_image: Literal["error", "skip"] = "error",
) -> None:
    """Choose, split and label the images of a listing that was decoded, and write `table.json`.

    Args:
        listing: everything that the data set names, as it was decoded.
        spec: what of it is used.
        split: shares of the splits.
        arrays: what `decode_all` wrote.
        folder: exists; gets the table.
        on_bad_image: whether bad images are an error, or are left out and listed in the table.

    Raises:
        DataProblem: a bad image, a class without a second one, a patient on both sides of the official splits.
        ValueError: a class too small to be split.
    """
    ids = {name: row for row, name in enumerate(decoded_ids(arrays))}
    duplicates: NDArray[np.int64] = np.load(arrays / DUPLICATES)
    equal = equal_pictures(np.load(arrays / DIGESTS))
    # problems of the listing are about images that are no rows of it: its row stays where an image is named twice
    unusable: list[DataProblem] = [*bad_images(arrays, listing.root).values()]
    good = without(listing, unusable)
    require_images(good, [*listing.problems, *unusable])
    used = LAYOUTS[spec.kind].select(good, spec)
    official = _official(used, spec, split)
    unusable += torn_apart(used, official, among(used, ids, equal))
    bad = [*listing.problems, *unusable]
    if bad and on_bad_image == "error":
        raise all_problems(bad)
    if bad:
        used = LAYOUTS[spec.kind].select(without(listing, unusable), spec)
        official = _official(used, spec, split)
        used = replace(used, remarks=(*used.remarks, *said_of_bad(bad, listing)))
    _require_two_classes(used)
    alike = among(used, ids, duplicates)
    groups = group_images(used, alike)
    splits = _splits(used, groups, split, official)
    filled = frozenset(name for name in official if name)
    write_table(
        folder,
        Table(
            rows=np.array([ids[name] for name in used.image_ids], np.int64),
            image_ids=used.image_ids,
            targets=targets_of(used, spec, splits),
            splits=splits,
            groups=pseudonyms(groups),
            classes=used.classes,
            patients_known=groups.patients_known,
            remarks=(*used.remarks, *groups.remarks, *across(alike, official), *remarks(splits, split, filled)),
            files=listing.counts(),
            studies=studies_of(used),
            left_out=[as_plain(problem, listing.root) for problem in bad],
        ),
    )


def require_usable(listing: Listing, spec: FileSpec, split: Split) -> None:
    """Refuse what cannot be split, before an hour of decoding.

    Raises:
        DataProblem: one class only, or no training part.
        ValueError: a class too small to be split.
    """
    require_images(listing, listing.problems)
    used = LAYOUTS[spec.kind].select(listing, spec)
    _require_two_classes(used)
    official = _official(used, spec, split)
    free = [row for row, name in enumerate(official) if name is None]
    _require_training(used, len(free))
    patients = [used.patients[row] or used.image_ids[row] for row in free]
    known = any(who is not None for who in used.patients)
    require_splittable(
        used.targets[free],
        patients,
        classes=used.classes,
        noun="patients" if known else "different images",
        official=frozenset(name for name in official if name),
    )


def without(listing: Listing, bad: Sequence[DataProblem]) -> Listing:
    """The images that no problem is about."""
    paths = {str(problem.path) for problem in bad}
    root = listing.root
    rows = [row for row, name in enumerate(listing.image_ids) if str(root / name) not in paths]
    return listing.take(rows) if len(rows) < len(listing) else listing


def said_of_bad(bad: Sequence[DataProblem], listing: Listing) -> tuple[str, ...]:
    """A sentence for the report about images that were left out."""
    if not bad:
        return ()
    return (f"{len(bad)} of {listing.named} images are bad and were left out; they are listed with what is wrong.",)


def studies_of(listing: Listing) -> list[str] | None:
    """Name of every image's study, where the data set knows any; an image without one is a study of its own."""
    if not any(listing.studies):
        return None
    return [study or name for study, name in zip(listing.studies, listing.image_ids, strict=True)]


def _official(listing: Listing, spec: FileSpec, split: Split) -> list[SplitName | None]:
    """The split of every image by the data set itself; None where it is ours to choose."""
    if split.official == "ignore":
        return [None] * len(listing)
    meaning = LAYOUTS[spec.kind].official
    named = [meaning.get(name) if name else None for name in listing.official]
    return [None if name == "train" else name for name in named]


def among(listing: Listing, ids: dict[str, int], duplicates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Clusters of near-duplicates among the images of a listing, by the row of each one's first in the listing."""
    roots = duplicates[[ids[name] for name in listing.image_ids]]
    first: dict[int, int] = {}
    return np.array([first.setdefault(root, row) for row, root in enumerate(roots.tolist())], np.int64)


def equal_pictures(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[images], row of the first equal picture."""
    _, first, inverse = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.reshape(-1)], np.int64)


def _splits(listing: Listing, groups: Groups, split: Split, official: list[SplitName | None]) -> NDArray[np.str_]:
    names = np.array([name or "" for name in official], dtype="<U5")
    free = np.flatnonzero(names == "")
    _require_training(listing, len(free))
    filled = frozenset(name for name in official if name)
    mine = [groups.names[row] for row in free]
    names[free] = assign_splits(
        listing.targets[free], mine, split, classes=listing.classes, noun=groups.noun, official=filled
    )
    require_disjoint(mine, names[free])
    return names.astype(np.str_)


def require_images(listing: Listing, bad: Sequence[DataProblem]) -> None:
    """Where every image is bad, say what is wrong with them rather than that there is none.

    Raises:
        DataProblem: no image is left.
    """
    if not len(listing) and bad:
        raise several(bad)


def _require_training(listing: Listing, free: int) -> None:
    if not free:
        raise DataProblem(
            f"{listing.root}: the data set names a split for every image, and none of them is for training. Pass "
            "--set split/official=ignore to share the images out anew.",
            "no_training",
            listing.root,
        )


def _require_two_classes(listing: Listing) -> None:
    if len(listing.classes) < 2 and not listing.multilabel:
        held = repr(listing.classes[0]) if listing.classes else "none"
        raise DataProblem(
            f"{listing.root}: there is one class only ({held}), and a classifier needs two. Add the folder of another "
            "class.",
            "one_class",
            listing.root,
        )
