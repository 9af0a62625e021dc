"""Another folder of images for a network that is trained already: external validation. Nothing is split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainables.data import covid
from trainables.data.decode_all import Progress, decode_all
from trainables.data.duplicates import near_duplicates
from trainables.data.fingerprint import fingerprint_folder, load_cache, save_cache
from trainables.data.groups import contradictions, group_images
from trainables.data.layouts import require_layout
from trainables.data.listing import Listing
from trainables.data.patients import with_patients
from trainables.data.prepare import DataSource
from trainables.data.problems import DataProblem
from trainables.data.stored import Table, write_table
from trainables.spec import CovidRadiography, content_key, nearest


def prepare_external(
    spec: CovidRadiography,
    source: DataSource,
    folder: Path,
    *,
    classes: Sequence[str],
    renamed: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Decode a data set for a network that knows certain classes; every image is in `test`, no class may be too small.

    Args:
        spec: layout and size; all images are used, whatever it says of down-sampling.
        source: where the files lie.
        folder: exists and is empty; `trainables.data.stored.load` opens it.
        classes: the network's classes, whose numbers the targets get.
        renamed: class of the network by class folder, for folders that are called otherwise.
        on_progress: called with the images done and the images there are.

    Raises:
        DataProblem: files that are missing, of another layout or unreadable, or a class that the network does not know.
    """
    listing = list_external(spec, source, classes=classes, renamed=renamed)
    duplicates = near_duplicates(decode_all(listing, spec.size, folder, on_progress))
    groups = group_images(listing, duplicates)
    table = Table(
        image_ids=listing.image_ids,
        targets=listing.targets,
        splits=np.full(len(listing), "test"),
        groups=groups.names,
        classes=listing.classes,
        patients_known=groups.patients_known,
        remarks=(*listing.remarks, *contradictions(listing, duplicates)),
        files=listing.counts(),
    )
    write_table(folder, table)


def list_external(
    spec: CovidRadiography, source: DataSource, *, classes: Sequence[str], renamed: Mapping[str, str] | None = None
) -> Listing:
    """List the images of a folder under the classes of a network; a class without images is a remark.

    Raises:
        DataProblem: see `prepare_external`.
    """
    named = dict(renamed or {})
    _require_known(named, classes)
    root = source.root
    if root is not None and root.is_dir():
        _require_known_folders(root, named, classes)
    if root is None or not any((root / name / "images").is_dir() for name in named):
        root = require_layout(root, spec.kind)
    listing = covid.list_files(root, named)
    numbers = np.array([list(classes).index(name) for name in listing.classes])
    absent = [name for name in classes if name not in listing.classes]
    said = (f"{root.name} has no images of {_listed(absent)}.",) if absent else ()
    listing = replace(
        listing, targets=numbers[listing.targets], classes=tuple(classes), remarks=(*listing.remarks, *said)
    )
    return listing if source.patients is None else with_patients(listing, source.patients)


def external_fingerprints(listing: Listing, cache_file: Path | None = None) -> list[str]:
    """Name the content of an external data set: its files, and its patients where they are known.

    Args:
        listing: what `list_external` found.
        cache_file: where content hashes are remembered between calls.
    """
    cache = load_cache(cache_file) if cache_file is not None else {}
    before = dict(cache)
    found = [fingerprint_folder(listing.root, listing.files(), cache)]
    if cache_file is not None and cache != before:
        save_cache(cache_file, cache)
    known = {name: who for name, who in zip(listing.image_ids, listing.patients, strict=True) if who is not None}
    return [*found, content_key("patients", version=1, settings=known)] if known else found


def _require_known_folders(root: Path, renamed: Mapping[str, str], classes: Sequence[str]) -> None:
    """Refuse class folders that the network does not know, and mapped ones that are not there."""
    folders = sorted(entry.name for entry in root.iterdir() if (entry / "images").is_dir())
    for folder in folders:
        if folder not in classes and folder not in renamed:
            raise DataProblem(
                f"{root / folder}: the network does not know the class {folder!r}; its classes are {_listed(classes)}. "
                f"Map it to one of them (--map {folder!r}=CLASS), or move the folder away.",
                "unknown_class",
                root / folder,
            )
    for folder, name in renamed.items():
        if folders and folder not in folders:
            raise DataProblem(
                f"--map {folder}={name}: {root} has no folder {folder}/images. {nearest(folder, folders)}",
                "missing",
                root / folder,
            )


def _require_known(renamed: Mapping[str, str], classes: Sequence[str]) -> None:
    for folder, name in renamed.items():
        if name not in classes:
            raise DataProblem(
                f"--map {folder}={name}: the network does not know the class {name!r}; its classes are "
                f"{_listed(classes)}. Map to one of them.",
                "unknown_class",
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
