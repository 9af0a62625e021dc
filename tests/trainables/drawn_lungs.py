"""Drawn radiographs with the true mask of their lungs, in the layout of the COVID-19 Radiography Database."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.drawing.anatomy import dome_height, heart_depth, lung_depth
from trainables.data.drawing.findings import body_frame, draw_visit
from trainables.data.drawing.radiograph import patient_anatomy
from trainables.data.drawing.truth import Purpose, stream
from trainables.data.synthetic import synthesize

FOLDERS = ("Normal", "COVID", "Lung_Opacity", "Viral Pneumonia")
PER_PATIENT = 2


def lung_mask(index: int, size: int, seed: int = 0) -> NDArray[np.bool_]:
    """Where image `index` was drawn with lungs: inside their outline, above the diaphragm, beside the heart."""
    anatomy = patient_anatomy(seed, index // PER_PATIENT)
    visit = draw_visit(stream(seed, Purpose.VISIT, index), anatomy)
    u, v = body_frame(size, visit)
    above = v < dome_height(u, anatomy) + visit.breath
    inside: NDArray[np.bool_] = (lung_depth(u, v, anatomy) > 0) & above & (heart_depth(u, v, anatomy, 1.0) < 0.05)
    return inside


def write(root: Path, images: int, size: int = 32, *, masks: bool = True, seed: int = 0) -> Path:
    """Write the images, their masks, and `patients.csv` beside the data folder; returns that folder."""
    folder = root / "COVID-19_Radiography_Dataset"
    rows = []
    for index in range(images):
        drawn = synthesize(index, size=size, seed=seed, images_per_patient=PER_PATIENT)
        name = FOLDERS[drawn.label]
        for part, pixels in (("images", drawn.pixels), ("masks", lung_mask(index, size, seed))):
            if part == "images" or masks:
                path = folder / name / part / f"{name}-{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels if part == "images" else np.uint8(255) * pixels.astype(np.uint8)).save(path)
        rows.append((f"{name}/images/{name}-{index}.png", drawn.patient))
    with (root / "patients.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "patient"), *rows])
    return folder
