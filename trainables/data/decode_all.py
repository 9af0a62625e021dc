"""Decode the images of a listing side by side, into arrays on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainables.data.decoding import THUMBNAIL, decode_mask, decode_with_thumbnail
from trainables.data.listing import Listing
from trainables.data.problems import BadImage, all_bad
from trainables.data.stored import IMAGES, LUNG_MASKS, THUMBNAILS, new_array

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the images done and the images there are."""

_AT_ONCE = 512


def decode_all(listing: Listing, size: int, folder: Path, on_progress: Progress | None = None) -> NDArray[np.uint8]:
    """Write `images.npy`, `thumbnails.npy`, and `lung_masks.npy` if every image has such a mask, in the listing's order.

    Memory stays flat: finished pages belong to the file. Threads suffice, because Pillow decodes without the lock.

    Returns:
        [images, THUMBNAIL, THUMBNAIL] thumbnails for the search of near-duplicates.

    Raises:
        BadImage: after all images were tried; it names the first bad ones.
    """
    count = len(listing)
    pixels = new_array(folder / IMAGES, (count, size, size), np.uint8)
    with_masks = None not in listing.lung_masks
    masks = new_array(folder / LUNG_MASKS, (count, size, size), np.bool_) if with_masks else None
    thumbnails = new_array(folder / THUMBNAILS, (count, THUMBNAIL, THUMBNAIL), np.uint8)

    def decode(row: int) -> BadImage | None:
        try:
            pixels[row], thumbnails[row] = decode_with_thumbnail(listing.root / listing.image_ids[row], size)
            _decode_mask(listing, row, size, masks)
        except BadImage as problem:
            return problem
        return None

    problems: list[BadImage] = []
    with ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, count, _AT_ONCE):
            block = range(start, min(start + _AT_ONCE, count))
            for row, problem in zip(block, pool.map(decode, block), strict=True):
                problems += [problem] if problem else []
                if on_progress is not None:
                    on_progress(row + 1, count)
    if problems:
        raise all_bad(problems)
    return thumbnails


def _decode_mask(listing: Listing, row: int, size: int, masks: NDArray[Any] | None) -> None:
    name = listing.lung_masks[row]
    if masks is not None and name is not None:
        masks[row] = decode_mask(listing.root / name, size)


def _threads() -> int:
    """As many threads as this process may use processors; a container or scheduler may have lent it few."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
