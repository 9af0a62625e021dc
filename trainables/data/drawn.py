"""The embedded data set as a folder: radiographs that are drawn, not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import synthetic
from trainables.data.decode_all import Progress
from trainables.data.drawing.lungs import draw_lungs
from trainables.data.images import counts_of
from trainables.data.splits import assign_splits, remarks, require_disjoint
from trainables.data.stored import IMAGES, LUNG_MASKS, MASKS, Table, new_array, write_table
from trainables.spec import Split, Synthetic


def prepare(spec: Synthetic, split: Split, folder: Path, on_progress: Progress | None = None) -> None:
    """Draw the images, split them by patient, and write all of it; the shortcut is drawn in the training split only.

    Args:
        spec: the data set.
        split: shares of the splits.
        folder: exists and is empty.
        on_progress: called with the images done and the images there are.
    """
    shape = (spec.images, spec.size, spec.size)
    pixels, masks = new_array(folder / IMAGES, shape, np.uint8), new_array(folder / MASKS, shape, np.bool_)
    lungs = new_array(folder / LUNG_MASKS, shape, np.bool_) if spec.lung_masks else None
    classes = synthetic.FINDINGS if spec.multilabel else synthetic.CLASSES
    targets: NDArray[Any] = (
        np.empty((spec.images, len(classes)), np.float32) if spec.multilabel else np.empty(spec.images, np.int64)
    )
    patients = []
    for index in range(spec.images):
        drawn = _draw(spec, index, in_training=False)
        pixels[index], masks[index] = drawn.pixels, drawn.finding_masks.any(0)
        if lungs is not None:
            patient = index // spec.images_per_patient
            lungs[index] = draw_lungs(index, patient, drawn.findings, size=spec.size, seed=spec.seed)
        targets[index] = drawn.findings if spec.multilabel else drawn.label
        patients.append(drawn.patient)
        if on_progress is not None:
            on_progress(index + 1, spec.images)
    splits = assign_splits(targets, patients, split, classes=classes, noun="patients")
    require_disjoint(patients, splits)
    if spec.shortcut > 0:  # only now it is known where the marker misleads
        for index in np.flatnonzero(splits == "train").tolist():
            pixels[index] = _draw(spec, index, in_training=True).pixels
    table = Table(
        rows=np.arange(spec.images),
        image_ids=[f"synthetic/{index:06d}" for index in range(spec.images)],
        targets=targets,
        splits=splits,
        groups=patients,
        classes=classes,
        patients_known=True,
        remarks=remarks(splits, split),
        files=counts_of(targets, classes),
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
        multilabel=spec.multilabel,
        healthy=spec.healthy,
        marker_follows_class=in_training,
    )
