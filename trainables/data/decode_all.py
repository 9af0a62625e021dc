"""Decode everything a data set names, once, into arrays on disk that all trials share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainables.data.decoding import THUMBNAIL, decode_mask, decode_with_thumbnail
from trainables.data.duplicates import near_duplicates
from trainables.data.listing import Listing
from trainables.data.problems import BadImage, DataProblem
from trainables.data.stored import DECODED, DIGESTS, DUPLICATES, IMAGES, LUNG_MASKS, MASKS, THUMBNAILS, new_array

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the images done and the images there are."""

DIGEST_BYTES = 16

_AT_ONCE = 512


class Archive(Protocol):
    """Images that are no files of their own, such as those of an `.npz`."""

    def read(self, rows: range) -> Sequence[NDArray[np.uint8]]:
        """Raw images of consecutive rows of the listing, [height, width] or [height, width, 3]."""


def decode_all(
    listing: Listing,
    size: int,
    folder: Path,
    on_progress: Progress | None = None,
    *,
    archive: Archive | None = None,
    alike: bool = True,
) -> list[BadImage]:
    """Write every image of a listing, in its order: pixels, thumbnails, near-duplicates, and masks where all have one.

    Bad images leave a black row and stand in `decoded.json` with what is wrong with them. Memory stays flat: finished pages
    belong to the file. Threads suffice, because Pillow decodes without the lock.

    Args:
        listing: what is decoded.
        size: side of the decoded images.
        folder: exists; gets `images.npy`, `thumbnails.npy`, `duplicates.npy`, `decoded.json`, and masks.
        on_progress: called with the images done and the images there are.
        archive: reads images that are no files.
        alike: look for near-duplicates; without, every image stands alone.

    Returns:
        What is wrong with the bad ones, in order.
    """
    count = len(listing)
    pixels = new_array(folder / IMAGES, (count, size, size), np.uint8)
    thumbnails = new_array(folder / THUMBNAILS, (count, THUMBNAIL, THUMBNAIL), np.uint8)
    digests = np.zeros((count, DIGEST_BYTES), np.uint8)
    masks = [
        (names, new_array(folder / file, (count, size, size), np.bool_))
        for names, file in ((listing.lung_masks, LUNG_MASKS), (listing.finding_masks, MASKS))
        if count and None not in names
    ]

    def decode(row: int, source: Path | NDArray[np.uint8]) -> BadImage | None:
        try:
            pixels[row], thumbnails[row] = decode_with_thumbnail(source, size, name=listing.image_ids[row])
            for names, array in masks:
                array[row] = decode_mask(listing.root / str(names[row]), size)
            digests[row] = digest(pixels[row], thumbnails[row])
        except BadImage as problem:
            pixels[row], thumbnails[row] = 0, 0
            return problem
        return None

    found: dict[int, BadImage] = {}
    with ThreadPoolExecutor(decoding_threads()) as pool:
        for start in range(0, count, _AT_ONCE):
            block = range(start, min(start + _AT_ONCE, count))
            sources: Sequence[Any] = (
                archive.read(block) if archive else [listing.root / listing.image_ids[n] for n in block]
            )
            for row, problem in zip(block, pool.map(decode, block, sources), strict=True):
                found |= {row: problem} if problem else {}
                if on_progress is not None:
                    on_progress(row + 1, count)
    np.save(folder / DIGESTS, digests)
    np.save(folder / DUPLICATES, _duplicates(thumbnails, found) if alike else np.arange(count))
    _write(folder, listing, found)
    return list(found.values())


def digest(pixels: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What equal pictures share: [DIGEST_BYTES]."""
    both = hashlib.blake2b(pixels.tobytes() + thumbnail.tobytes(), digest_size=DIGEST_BYTES)
    return np.frombuffer(both.digest(), np.uint8)


def decoding_threads() -> int:
    """As many threads as this process may use processors; a container or scheduler may have lent it few."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bad_images(folder: Path, root: Path) -> dict[str, BadImage]:
    """What was wrong with images when they were decoded, by image id; the paths are below the data folder of today."""
    plain = json.loads((folder / DECODED).read_text("utf-8"))
    return {
        one["id"]: BadImage(one["message"].replace(PLACE, str(root)), one["kind"], root / one["id"])
        for one in plain["bad"]
    }


def decoded_ids(folder: Path) -> list[str]:
    """Image ids in the order of the arrays."""
    ids: list[str] = json.loads((folder / DECODED).read_text("utf-8"))["ids"]
    return ids


PLACE = "<data folder>"
"""Stands for the data folder in what is stored, which may be read on another machine."""


def _write(folder: Path, listing: Listing, found: dict[int, BadImage]) -> None:
    bad = [
        {"id": listing.image_ids[row], "kind": problem.kind, "message": _placeless(problem, listing.root)}
        for row, problem in found.items()
    ]
    (folder / DECODED).write_text(json.dumps({"ids": listing.image_ids, "bad": bad}), "utf-8")


def _placeless(problem: DataProblem, root: Path) -> str:
    return problem.message.replace(str(root), PLACE)


def _duplicates(thumbnails: NDArray[np.uint8], found: dict[int, BadImage]) -> NDArray[np.int64]:
    """[images], row of the first image of each one's cluster of near-duplicates; bad images are like no other."""
    good = np.array([row for row in range(len(thumbnails)) if row not in found], np.int64)
    roots = np.arange(len(thumbnails))
    if len(good):
        roots[good] = good[near_duplicates(thumbnails[good] if found else thumbnails)]
    return roots
