"""Masks that a user supplies for images of a data set: a folder of PNG files named like the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.decoding import decode_mask

MOST_GREY = 0.5
"""Largest share of pixels between black and white: the soft edges of a mask that was resized, and more."""


def find_masks(folder: Path, image_ids: Sequence[str]) -> dict[str, Path]:
    """The mask of every image that has one, by image id.

    `COVID/images/COVID-1.png` is masked by `COVID/images/COVID-1.png` below the folder, or by `COVID/masks/COVID-1.png`, where
    that database keeps its lungs, or by the only file called `COVID-1.png`
    where no other image has that name.

    Args:
        folder: searched to any depth for `.png` files.
        image_ids: paths of the images below their data folder, or names, with or without a suffix.

    Raises:
        ValueError: there is no such folder, or it has no mask for any of the images.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. Name one with masks as PNG files, called like the images.")
    files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.png"))}
    places = {name: PurePosixPath(name).with_suffix("") for name in image_ids}
    beside = {name: place.as_posix().replace("/images/", "/masks/") for name, place in places.items()}
    if any(place in files for name, place in beside.items() if place != places[name].as_posix()):
        return {name: files[place] for name, place in beside.items() if place in files}  # others are images, not masks
    by_name = _named_once(PurePosixPath(place) for place in files)
    unique = _named_once(places.values())
    found = {}
    for name, place in places.items():
        path = files.get(place.as_posix())
        if path is None and place.name in by_name and place.name in unique:
            path = files[by_name[place.name].as_posix()]
        if path is not None:
            found[name] = path
    if not found:
        example = image_ids[0] if image_ids else "an image"
        raise ValueError(
            f"{folder} has {len(files)} PNG files, and none is called like one of the {len(image_ids)} images, such as "
            f"{example}. Give a mask the path of its image below the data folder, with the suffix .png."
        )
    return found


def read_masks(paths: Sequence[Path], size: int) -> NDArray[np.bool_]:
    """The masks brought to the size of the decoded images, [images, size, size]; true where brighter than half.

    Raises:
        BadImage: a file that cannot be decoded.
        ValueError: a file that is no mask, because most of it is neither black nor white.
    """
    masks = [decode_mask(path, size) for path in paths]
    for path in paths:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        if ((grey > 15) & (grey < 240)).mean() > MOST_GREY:
            raise ValueError(f"{path} is no mask: most of it is neither black nor white. Paint white where it matters.")
    return np.stack(masks) if masks else np.empty((0, size, size), np.bool_)


def _named_once(places: Iterable[PurePosixPath]) -> dict[str, PurePosixPath]:
    """Those whose last part no other one has, by it."""
    known = list(places)
    counts = Counter(place.name for place in known)
    return {place.name: place for place in known if counts[place.name] == 1}
