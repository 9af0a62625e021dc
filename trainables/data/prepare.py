"""From a data set's description to decoded, split images in a folder, and the fingerprints that key them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.data import covid, synthetic
from trainables.data.decode_all import Progress, decode_all
from trainables.data.duplicates import near_duplicates
from trainables.data.fingerprint import fingerprint_folder, load_cache, save_cache
from trainables.data.groups import group_images
from trainables.data.layouts import require_layout
from trainables.data.listing import Listing, down_sample
from trainables.data.patients import with_patients
from trainables.data.problems import DataProblem
from trainables.data.splits import assign_splits, remarks, require_disjoint, require_splittable
from trainables.data.stored import IMAGES, MASKS, Table, load, new_array, write_table
from trainables.spec import CovidRadiography, DataSpec, Split, Synthetic, content_key

__all__ = ["DataSource", "fingerprints", "load", "prepare"]


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Where the files of a data set lie; no part of any key.

    Attributes:
        root: the data folder, None for data that is drawn.
        patients: a CSV file that names the patient of each image.
    """

    root: Path | None = None
    patients: Path | None = None


def fingerprints(spec: DataSpec, source: DataSource, cache_file: Path | None = None) -> list[str]:
    """Name the content of a data set: its files, and the patients if a file names them; nothing for drawn data.

    Args:
        spec: the data set.
        source: where it lies.
        cache_file: where content hashes are remembered between calls.

    Raises:
        DataProblem: a folder of another layout, or a patients file that does not fit to it.
    """
    if isinstance(spec, Synthetic):
        return []
    listing = list_images(spec, source)
    cache = load_cache(cache_file) if cache_file is not None else {}
    before = dict(cache)
    found = [fingerprint_folder(listing.root, listing.files(), cache)]
    if cache_file is not None and cache != before:
        save_cache(cache_file, cache)
    if source.patients is not None:
        known = {name: who for name, who in zip(listing.image_ids, listing.patients, strict=True) if who is not None}
        found.append(content_key("patients", version=1, settings=known))
    return found


def prepare(
    spec: DataSpec, split: Split, source: DataSource, folder: Path, on_progress: Progress | None = None
) -> None:
    """Decode or draw a data set, split it, and write it to a folder that exists and is empty; `load` opens it.

    Args:
        spec: the data set.
        split: shares of the splits.
        source: where the files lie.
        folder: where `trainables.data.stored` puts its files.
        on_progress: called with the images done and the images there are.

    Raises:
        DataProblem: files that are missing, of another layout or unreadable.
        ValueError: a class too small to be split.
    """
    if isinstance(spec, Synthetic):
        _prepare_synthetic(spec, split, folder, on_progress)
    else:
        _prepare_files(spec, split, source, folder, on_progress)


def list_images(spec: CovidRadiography, source: DataSource) -> Listing:
    """List what a data set names on disk, with patients where a file names them, before any filter.

    Raises:
        DataProblem: see `fingerprints`.
    """
    listing = covid.list_files(require_layout(source.root, spec.kind))
    return listing if source.patients is None else with_patients(listing, source.patients)


def _prepare_files(
    spec: CovidRadiography, split: Split, source: DataSource, folder: Path, on_progress: Progress | None
) -> None:
    whole = list_images(spec, source)
    if len(whole.classes) < 2:
        raise DataProblem(
            f"{whole.root}: there is one class only ({whole.classes[0]!r}), and a classifier needs two. Add the folder of "
            "another class.",
            "one_class",
            whole.root,
        )
    _require_enough(whole)
    listing = down_sample(whole, spec.seed) if spec.down_sample else whole
    thumbnails = decode_all(listing, spec.size, folder, on_progress)
    groups = group_images(listing, near_duplicates(thumbnails))
    splits = assign_splits(listing.targets, groups.names, split, classes=listing.classes, noun=groups.noun)
    require_disjoint(groups.names, splits)
    table = Table(
        image_ids=listing.image_ids,
        targets=listing.targets,
        splits=splits,
        groups=groups.names,
        classes=listing.classes,
        patients_known=groups.patients_known,
        remarks=(*listing.remarks, *groups.remarks, *remarks(splits, split)),
        files=whole.counts(),
    )
    write_table(folder, table)


def _require_enough(listing: Listing) -> None:
    """Refuse classes that cannot be split, before an hour of decoding."""
    patients = [who or name for who, name in zip(listing.patients, listing.image_ids, strict=True)]
    known = any(who is not None for who in listing.patients)
    require_splittable(
        listing.targets, patients, classes=listing.classes, noun="patients" if known else "different images"
    )


def _prepare_synthetic(spec: Synthetic, split: Split, folder: Path, on_progress: Progress | None) -> None:
    shape = (spec.images, spec.size, spec.size)
    pixels, masks = new_array(folder / IMAGES, shape, np.uint8), new_array(folder / MASKS, shape, np.bool_)
    labels, patients = np.empty(spec.images, np.int64), []
    for index in range(spec.images):
        drawn = _draw(spec, index, in_training=False)
        pixels[index], masks[index], labels[index] = drawn.pixels, drawn.finding_masks.any(0), drawn.label
        patients.append(drawn.patient)
        if on_progress is not None:
            on_progress(index + 1, spec.images)
    splits = assign_splits(labels, patients, split, classes=synthetic.CLASSES, noun="patients")
    require_disjoint(patients, splits)
    if spec.shortcut > 0:  # only now it is known where the marker misleads
        for index in np.flatnonzero(splits == "train").tolist():
            pixels[index] = _draw(spec, index, in_training=True).pixels
    table = Table(
        image_ids=[f"synthetic/{index:06d}" for index in range(spec.images)],
        targets=labels,
        splits=splits,
        groups=patients,
        classes=synthetic.CLASSES,
        patients_known=True,
        remarks=remarks(splits, split),
        files={name: int((labels == n).sum()) for n, name in enumerate(synthetic.CLASSES)},
    )
    write_table(folder, table)


def _draw(spec: Synthetic, index: int, *, in_training: bool) -> synthetic.Radiograph:
    return synthetic.synthesize(
        index,
        size=spec.size,
        seed=spec.seed,
        images_per_patient=spec.images_per_patient,
        label_noise=spec.label_noise,
        shortcut=spec.shortcut,
        marker_follows_class=in_training,
    )
