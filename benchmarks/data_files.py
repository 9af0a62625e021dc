"""Generated images in the layout of COVID-19 Radiography, which torchvision's ImageFolder reads as well."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

AT_ONCE = 1024
CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def jpeg_folder(root: Path, *, images: int, side: int) -> None:
    """Fill the layout with grey JPEG files: clouds with film grain, so that they compress as radiographs do."""
    grain = np.random.default_rng(0).normal(0, 6, (side, side))
    places = _places(root, images, ".jpg")
    for number, clouds in _clouds(images, side // 20):
        smooth = Image.fromarray(clouds).resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.clip(np.asarray(smooth) + np.roll(grain, 7 * number), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(places[number], quality=90)


def png_folder(root: Path, *, images: int, side: int) -> None:
    """Fill the layout with small PNG files of clouds, of which no two are alike."""
    places = _places(root, images, ".png")

    def save(one: tuple[int, NDArray[np.uint8]]) -> None:
        number, clouds = one
        Image.fromarray(clouds).resize((side, side), Image.Resampling.BILINEAR).save(places[number], compress_level=1)

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(save, _clouds(images, side // 4)):
            pass


def _places(root: Path, images: int, suffix: str) -> list[Path]:
    """Files of the layout of COVID-19 Radiography, the classes in turn; the folders are made."""
    folders = [root / name / "images" for name in CLASSES]
    for folder in folders:
        folder.mkdir(parents=True)
    return [folders[number % 4] / f"{number:06d}{suffix}" for number in range(images)]


def _clouds(images: int, cells: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Numbers from 0 and a random coarse image each, [cells, cells]."""
    generator = np.random.default_rng(0)
    for start in range(0, images, AT_ONCE):
        block = generator.integers(0, 256, (min(AT_ONCE, images - start), cells, cells), dtype=np.uint8)
        yield from enumerate(block, start)
