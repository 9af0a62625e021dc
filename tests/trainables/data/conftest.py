"""Small data sets in the true layouts, written by the tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def radiograph(seed: int, size: int = 48) -> Image.Image:
    """A smooth grey image of its own for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def write_metadata(path: Path, names: list[str]) -> None:
    """Write `<class>.metadata.xlsx` with the columns that Kaggle's has."""
    book = openpyxl.Workbook()
    book.active.append(["FILE NAME", "FORMAT", "SIZE", "URL"])
    for name in names:
        book.active.append([name, "PNG", "299*299", "https://example.org"])
    book.save(path)


@pytest.fixture
def covid_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write the Kaggle layout, with its metadata and README beside the class folders."""

    def write(images: int | dict[str, int] = 5, *, masks: bool = False, classes: tuple[str, ...] = CLASSES) -> Path:
        root = tmp_path / "COVID-19_Radiography_Dataset"
        root.mkdir()
        (root / "README.md.txt").write_text("about the data")
        for number, name in enumerate(classes):
            folder = root / name / "images"
            folder.mkdir(parents=True)
            count = images if isinstance(images, int) else images[name]
            write_metadata(root / f"{name}.metadata.xlsx", [f"{name.upper()}-{n}" for n in range(1, 1 + count)])
            for n in range(1, 1 + count):
                radiograph(1000 * number + n).save(folder / f"{name}-{n}.png")
                if masks:
                    (root / name / "masks").mkdir(exist_ok=True)
                    lungs = np.zeros((32, 32, 3), np.uint8)
                    lungs[8:24, 4:12] = 255
                    Image.fromarray(lungs).save(root / name / "masks" / f"{name}-{n}.png")
        return root

    return write
