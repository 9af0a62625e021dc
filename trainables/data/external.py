"""Another folder of images for a network that is trained already: external validation. Nothing is split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainables.data import covid
from trainables.data.decode_all import Progress, decode_all
from trainables.data.duplicates import near_duplicates
from trainables.data.groups import group_images
from trainables.data.layouts import require_layout
from trainables.data.listing import Listing
from trainables.data.patients import with_patients
from trainables.data.prepare import DataSource
from trainables.data.problems import DataProblem
from trainables.data.stored import Table, write_table
from trainables.spec import CovidRadiography


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
    groups = group_images(listing, near_duplicates(decode_all(listing, spec.size, folder, on_progress)))
    table = Table(
        image_ids=listing.image_ids,
        targets=listing.targets,
        splits=np.full(len(listing), "test"),
        groups=groups.names,
        classes=listing.classes,
        patients_known=groups.patients_known,
        remarks=(*listing.remarks, *groups.remarks),
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
    if root is None or not any((root / name / "images").is_dir() for name in named):
        root = require_layout(root, spec.kind)
    listing = covid.list_files(root, named)
    for name in listing.classes:
        if name not in classes:
            raise DataProblem(
                f"{root / name}: the network does not know the class {name!r}; its classes are {_listed(classes)}. "
                f"Map it to one of them (--map {name!r}=CLASS), or move the folder away.",
                "unknown_class",
                root / name,
            )
    numbers = np.array([list(classes).index(name) for name in listing.classes])
    absent = [name for name in classes if name not in listing.classes]
    said = (f"{root.name} has no images of {_listed(absent)}.",) if absent else ()
    listing = replace(
        listing, targets=numbers[listing.targets], classes=tuple(classes), remarks=(*listing.remarks, *said)
    )
    return listing if source.patients is None else with_patients(listing, source.patients)


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
