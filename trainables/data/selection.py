"""Which of the images that a data set names are used: chosen after listing, before splitting."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trainables.data.listing import Listing
from trainables.data.problems import DataProblem


def down_sample(listing: Listing, seed: int) -> Listing:
    """Keep as many images of every class as the smallest class has, chosen by a hash of seed and path (paper P3).

    Raises:
        DataProblem: an image may have several labels, so that there is no smallest class to speak of.
    """
    if listing.multilabel:
        raise DataProblem(
            "data/down_sample: an image of this data set may have several labels. Use weights (loss weighted_cross_entropy) "
            "or sampling/draw instead.",
            "down_sample",
        )
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


def keep(listing: Listing, rows: Sequence[int], said: str) -> Listing:
    """Keep some rows, with a sentence for the report if any is dropped."""
    if len(rows) == len(listing):
        return listing
    return replace(listing.take(rows), remarks=(*listing.remarks, said))


def without_small_classes(listing: Listing, least: int) -> Listing:
    """Remove the classes of fewer images than `least`; the others are numbered anew, in their order."""
    counts = listing.counts()
    small = [name for name, count in counts.items() if count < least]
    if not small:
        return listing
    classes = tuple(name for name in listing.classes if name not in small)
    if not classes:
        raise DataProblem(
            f"{listing.root}: no class has {least} images; the largest has {max(counts.values())}. Lower "
            "data/min_images.",
            "small_classes",
            listing.root,
        )
    kept = listing.take([n for n, t in enumerate(listing.targets.tolist()) if listing.classes[t] in classes])
    numbers = np.array([classes.index(name) if name in classes else -1 for name in listing.classes])
    dropped = ", ".join(f"{name} ({counts[name]})" for name in small)
    said = f"Classes of fewer than {least} images are not used: {dropped}."
    return replace(kept, classes=classes, targets=numbers[kept.targets], remarks=(*listing.remarks, said))
