"""A small data set in the layout of the COVID-19 Radiography Database, with masks."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.trainables.data.conftest import radiograph, write_metadata

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def write(root: Path, images: int = 5) -> Path:
    """Write it: class folders with images and masks, and the metadata and README beside them."""
    folder = root / "COVID-19_Radiography_Dataset"
    for number, name in enumerate(CLASSES):
        for part in ("images", "masks"):
            (folder / name / part).mkdir(parents=True)
        for n in range(1, 1 + images):
            radiograph(1000 * number + n).save(folder / name / "images" / f"{name}-{n}.png")
            lungs = np.zeros((32, 32, 3), np.uint8)
            lungs[8:24, 4:12] = 255
            Image.fromarray(lungs).save(folder / name / "masks" / f"{name}-{n}.png")
        write_metadata(folder / f"{name}.metadata.xlsx", [f"{name.upper()}-{n}" for n in range(1, 1 + images)])
    (folder / "README.md.txt").write_text("about the data")
    return folder
