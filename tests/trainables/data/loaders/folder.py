"""Writes a small data set with one folder a class."""

from collections.abc import Sequence
from pathlib import Path

from tests.trainables.data.conftest import radiograph

CLASSES = ("effusion", "normal")


def write(root: Path, images: int = 5, *, classes: Sequence[str] = CLASSES, splits: Sequence[str] = ()) -> Path:
    """Images at two depths, with what people and their computers leave beside them."""
    place = root / "my images"
    for number, (split, name) in enumerate((split, name) for split in splits or ("",) for name in classes):
        folder = place / split / name
        (folder / "older").mkdir(parents=True)
        for n in range(1, images + 1):
            below = folder / "older" if n % 2 else folder
            radiograph(1000 * number + n).convert("L").save(below / f"{n}.{'png' if n % 3 else 'JPG'}", format="PNG")
    (place / "README.txt").write_text("about the images")
    (place / ".DS_Store").write_bytes(b"mac")
    (place / "__MACOSX" / CLASSES[0]).mkdir(parents=True)
    return place
