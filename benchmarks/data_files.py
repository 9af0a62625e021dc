"""Folders of generated images, cheap to draw and costly enough to decode."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

AT_ONCE = 1024


def jpeg_folder(root: Path, *, images: int, side: int, classes: int = 4) -> None:
    """Fill `<root>/class-<n>/` with grey JPEG files: clouds with film grain, so that they compress as radiographs do."""
    grain = np.random.default_rng(0).normal(0, 6, (side, side))
    for number, clouds in _clouds(images, side // 20):
        folder = root / f"class-{number % classes}"
        folder.mkdir(parents=True, exist_ok=True)
        smooth = Image.fromarray(clouds).resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.clip(np.asarray(smooth) + np.roll(grain, 7 * number), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:06d}.jpg", quality=90)


def covid_folder(root: Path, *, images: int, side: int) -> None:
    """Fill the layout of COVID-19 Radiography with PNG files of clouds, of which no two are alike."""
    names = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    for name in names:
        (root / name / "images").mkdir(parents=True)

    def save(one: tuple[int, NDArray[np.uint8]]) -> None:
        number, clouds = one
        path = root / names[number % 4] / "images" / f"{number:06d}.png"
        Image.fromarray(clouds).resize((side, side), Image.Resampling.BILINEAR).save(path, compress_level=1)

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(save, _clouds(images, side // 4)):
            pass


def _clouds(images: int, cells: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Numbers from 0 and a random coarse image each, [cells, cells]."""
    generator = np.random.default_rng(0)
    for start in range(0, images, AT_ONCE):
        block = generator.integers(0, 256, (min(AT_ONCE, images - start), cells, cells), dtype=np.uint8)
        yield from enumerate(block, start)
