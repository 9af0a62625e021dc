"""Writes a table of images in a CSV or Parquet file, and the images below it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tests.trainables.data.conftest import radiograph

CLASSES = ("normal", "pneumonia")


def write(root: Path, images: int = 12, *, name: str = "labels.csv") -> Path:
    """One label; two images a patient, every other one without a split, as spreadsheets grow."""
    rows = [
        {
            "path": path,
            "label": CLASSES[n % 2],
            "patient": f"p{n // 2}",
            "study": f"visit {n % 2}",
            "age": 60 + n,
        }
        for n, path in enumerate(write_images(root, images))
    ]
    return write_table(root / name, rows)


def write_marks(root: Path, images: int = 12, *, name: str = "labels.csv") -> Path:
    """Two labels of 1, 0, -1 or nothing, and the first image of each patient in `test`."""
    rows = [
        {"path": path, "Edema": (1, 0, -1, None)[n % 4], "Effusion": (0, 1)[n % 2], "patient": f"p{n // 2}"}
        for n, path in enumerate(write_images(root, images))
    ]
    return write_table(root / name, rows)


def write_images(root: Path, images: int) -> list[str]:
    (root / "images").mkdir(parents=True, exist_ok=True)
    paths = [f"images/{n:03}.png" for n in range(images)]
    for n, path in enumerate(paths):
        radiograph(n).convert("L").save(root / path)
    return paths


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    frame = pd.DataFrame(rows)
    if file.suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False)
    return file
