"""From a data set's description to decoded, split images in a folder, and the fingerprints that key them.

Two steps, kept apart in the store: pixels are decoded once for a data set and a size; which of them are used, what their
targets are and how they are split is a table over them, made anew in a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainables.data import drawn
from trainables.data.decode_all import Progress, decode_all
from trainables.data.fingerprint import fingerprint_folder, load_cache, save_cache
from trainables.data.layouts import LAYOUTS, require_layout
from trainables.data.listing import Listing
from trainables.data.patients import with_patients
from trainables.data.problems import all_problems
from trainables.data.readers import archive_of
from trainables.data.stored import load
from trainables.data.tabulate import require_usable, tabulate
from trainables.spec import DataSpec, FileSpec, Split, Synthetic, canonical_json, content_key

__all__ = [
    "DataSource",
    "Fingerprints",
    "decode",
    "fingerprints",
    "list_images",
    "load",
    "prepare",
    "require_usable",
    "tabulate",
]


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Where the files of a data set lie, and what is done about bad ones; no part of any key.

    Attributes:
        root: the data folder, None for data that is drawn.
        patients: a CSV file that names the patient of each image.
        on_bad_image: `error` refuses a data set with bad images, `skip` leaves them out and says so.
    """

    root: Path | None = None
    patients: Path | None = None
    on_bad_image: Literal["error", "skip"] = "error"


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """Names of the content of a data set.

    Attributes:
        pixels: of the files with pixels.
        labels: of everything else that it says about them.
    """

    pixels: str
    labels: str

    def inputs(self) -> list[str]:
        """Both, as inputs of a key."""
        return [self.pixels, self.labels]


def list_images(spec: FileSpec, source: DataSource, renamed: Mapping[str, str] | None = None) -> Listing:
    """List what a data set names on disk, with patients where a file names them, before any filter.

    Raises:
        DataProblem: a folder of another layout, or a patients file that does not fit to it.
    """
    listing = LAYOUTS[spec.kind].list_files(require_layout(source.root, spec.kind), spec, renamed or {})
    return listing if source.patients is None else with_patients(listing, source.patients)


def listing_name(spec: FileSpec) -> str:
    """What a listing depends on: specifications of the same name list the same, so that files are looked through once."""
    plain = {name: value for name, value in vars(spec).items() if name not in _AFTER_LISTING}
    return canonical_json(plain)


_AFTER_LISTING = {
    "size", "down_sample", "seed", "min_images", "first_image_only", "view", "blank", "uncertain", "smoothed_low", "smoothed_high",
}  # fmt: skip


def fingerprints(listing: Listing, cache_file: Path | None = None) -> Fingerprints:
    """Name the content of a data set.

    Args:
        listing: what the data set names.
        cache_file: where content hashes are remembered between calls.

    Raises:
        DataProblem: a file that is there and cannot be read.
    """
    cache = load_cache(cache_file) if cache_file is not None else {}
    before = dict(cache)
    pixels = fingerprint_folder(listing.root, listing.files(), cache)
    if cache_file is not None and cache != before:
        save_cache(cache_file, cache)
    problems = [(problem.kind, str(problem.path and problem.path.name), problem.row) for problem in listing.problems]
    labels = content_key("labels", version=1, settings=[listing.content(), problems])
    return Fingerprints(pixels=pixels, labels=labels)


def decode(
    listing: Listing,
    size: int | None,
    folder: Path,
    on_progress: Progress | None = None,
    *,
    on_bad_image: Literal["error", "skip"] = "error",
) -> None:
    """Decode every image that a data set names into a folder that exists and is empty.

    Args:
        listing: what the data set names.
        size: side of the decoded images, None for that of an archive.
        folder: see `decode_all`.
        on_progress: called with the images done and the images there are.
        on_bad_image: whether bad images are an error, or are noted and left black.

    Raises:
        BadImage: after all images were tried; it names the first bad ones.
    """
    side = size or listing.native_size
    if side is None:
        raise ValueError("decode() got no size, and the images have none of their own. Pass one.")
    bad = decode_all(listing, side, folder, on_progress, archive=archive_of(listing))
    if on_bad_image == "error" and (listing.problems or bad):
        raise all_problems([*listing.problems, *bad])


def prepare(
    spec: DataSpec, split: Split, source: DataSource, folder: Path, on_progress: Progress | None = None
) -> None:
    """Decode or draw a data set, split it, and write all of it to a folder that exists and is empty; `load` opens it.

    Raises:
        DataProblem: files that are missing, of another layout or unreadable.
        ValueError: a class too small to be split.
    """
    if isinstance(spec, Synthetic):
        drawn.prepare(spec, split, folder, on_progress)
        return
    listing = list_images(spec, source)
    require_usable(listing, spec, split)
    decode(listing, spec.size, folder, on_progress, on_bad_image=source.on_bad_image)
    tabulate(listing, spec, split, arrays=folder, folder=folder, on_bad_image=source.on_bad_image)
