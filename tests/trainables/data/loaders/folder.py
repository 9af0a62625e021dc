"""Writes a small data set with one folder a class."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

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


def plant_dicom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the reader of DICOM: a file is one if it has the four letters, its patient and study follow them."""
    planted = ModuleType("trainables.data.dicom")

    def is_dicom(path: Path) -> bool:
        return path.suffix.lower() in (".dcm", ".dicom") or path.read_bytes()[128:132] == b"DICM"

    def identity(path: Path) -> tuple[str | None, str | None]:
        words = path.read_bytes()[132:].decode().split()
        return (words[0], words[1]) if words else (None, None)

    planted.is_dicom, planted.identity = is_dicom, identity  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trainables.data.dicom", planted)


def dicom(patient: str = "", study: str = "") -> bytes:
    return b"\0" * 128 + b"DICM" + f"{patient} {study}".encode()
