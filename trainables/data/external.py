"""Another folder of images for a network that is trained already: external validation. Nothing is split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from trainables.data.decode_all import Progress, bad_images
from trainables.data.groups import contradictions, group_images, pseudonyms
from trainables.data.layouts import LAYOUTS, require_layout
from trainables.data.listing import UNKNOWN, Listing
from trainables.data.patients import with_patients
from trainables.data.policies import targets_of
from trainables.data.prepare import DataSource, decode, fingerprints
from trainables.data.problems import DataProblem, all_problems, as_plain
from trainables.data.stored import DUPLICATES, Table, write_table
from trainables.data.tabulate import among, require_images, said_of_bad, studies_of, without
from trainables.spec import CovidRadiography, FileSpec, nearest


def prepare_external(
    spec: FileSpec,
    source: DataSource,
    folder: Path,
    *,
    classes: Sequence[str],
    renamed: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Decode a data set for a network that knows certain classes; every image is in `test`, no class may be too small.

    Args:
        spec: layout and size; all images are used, whatever it says of down-sampling and small classes.
        source: where the files lie.
        folder: exists and is empty; `trainables.data.stored.load` opens it.
        classes: the network's classes, whose numbers the targets get.
        renamed: class of the network by class of the data, for those that are called otherwise.
        on_progress: called with the images done and the images there are.

    Raises:
        DataProblem: files that are missing, of another layout or unreadable, or a class that the network does not know.
    """
    listing = list_external(spec, source, classes=classes, renamed=renamed)
    decode(listing, spec.size, folder, on_progress, on_bad_image=source.on_bad_image)
    unreadable = list(bad_images(folder, listing.root).values())
    bad = [*listing.problems, *unreadable]
    if bad and source.on_bad_image == "error":
        raise all_problems(bad)
    good = without(listing, unreadable)
    require_images(good, bad)
    ids = {name: row for row, name in enumerate(listing.image_ids)}
    rows = np.array([ids[name] for name in good.image_ids], np.int64)
    duplicates = among(good, ids, np.load(folder / DUPLICATES))
    groups = group_images(good, duplicates)
    splits = np.full(len(good), "test")
    table = Table(
        rows=rows,
        image_ids=good.image_ids,
        targets=targets_of(good, spec, splits),
        splits=splits,
        groups=pseudonyms(groups),
        classes=good.classes,
        patients_known=groups.patients_known,
        remarks=(*good.remarks, *said_of_bad(bad, listing), *contradictions(good, duplicates)),
        files=listing.counts(),
        studies=studies_of(good),
        left_out=[as_plain(problem, listing.root) for problem in bad],
    )
    write_table(folder, table)


def as_external(spec: FileSpec) -> FileSpec:
    """The same data set without what concerns training only: down-sampling, small classes, uncertain labels."""
    training_only: dict[str, Any] = {"down_sample": False, "min_images": 1, "uncertain": ("ignore",), "seed": 0}
    return replace(spec, **{name: value for name, value in training_only.items() if hasattr(spec, name)})


def list_external(
    spec: FileSpec, source: DataSource, *, classes: Sequence[str], renamed: Mapping[str, str] | None = None
) -> Listing:
    """List the images of a folder under the classes of a network; a class without images is a remark.

    Raises:
        DataProblem: see `prepare_external`.
    """
    named = dict(renamed or {})
    _require_known(named, classes)
    listing = _listed_files(spec, source, named, classes)
    # a map may swap two names, so that it must not be applied twice
    again = {} if LAYOUTS[spec.kind].renames else named
    wanted = tuple(again.get(name, name) for name in listing.classes)
    unknown = sorted(set(wanted) - set(classes))
    if unknown:
        raise DataProblem(
            f"{listing.root}: the network does not know the class {unknown[0]!r}; its classes are {_listed(classes)}. Map it "
            f"to one of them (--map {unknown[0]!r}=CLASS), or take its images away.",
            "unknown_class",
            listing.root,
        )
    absent = [name for name in classes if name not in wanted]
    said = (f"{listing.root.name} has no images of {_listed(absent)}.",) if absent else ()
    if listing.multilabel:
        targets = np.full((len(listing), len(classes)), UNKNOWN, np.int8)
        targets[:, [list(classes).index(name) for name in wanted]] = listing.targets
    else:
        targets = np.array([list(classes).index(name) for name in wanted], np.int64)[listing.targets]
    listing = replace(listing, targets=targets, classes=tuple(classes), remarks=(*listing.remarks, *said))
    return listing if source.patients is None else with_patients(listing, source.patients)


def _listed_files(spec: FileSpec, source: DataSource, named: Mapping[str, str], classes: Sequence[str]) -> Listing:
    """What the folder names, all of its small and large classes."""
    layout, unfiltered = LAYOUTS[spec.kind], as_external(spec)
    root = source.root
    if isinstance(spec, CovidRadiography):
        if root is not None and root.is_dir():
            _require_known_folders(root, named, classes)
        if root is None or not any((root / name / "images").is_dir() for name in named):
            root = require_layout(root, spec.kind)
    else:
        root = require_layout(root, spec.kind)
    return layout.select(layout.list_files(root, unfiltered, named), unfiltered)


def external_fingerprints(listing: Listing, cache_file: Path | None = None) -> list[str]:
    """Name the content of an external data set.

    Args:
        listing: what `list_external` found.
        cache_file: where content hashes are remembered between calls.
    """
    return fingerprints(listing, cache_file).inputs()


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
