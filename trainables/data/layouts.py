"""The layouts that data sets are published in: which one a folder has, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from trainables.data import chexpert, covid, folder, imageclef, medmnist, mura, table
from trainables.data.listing import Listing
from trainables.data.problems import DataProblem
from trainables.spec import (
    Chexpert,
    CovidRadiography,
    FileSpec,
    ImageClef,
    ImageFolder,
    ImageTable,
    MedMnist,
    Mura,
    SplitName,
)

Loader: TypeAlias = Callable[[Path, Any, Mapping[str, str]], Listing]
"""From the data folder, the specification and classes by other names (`--map`) to everything the data set names."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout.

    Attributes:
        spec: its specification; the defaults serve `data check`.
        expected: how it looks, for messages.
        matches: whether a folder (or a file, where the data set is one) has it.
        list_files: reads it.
        select: what of it is used, by the specification.
        official: what the data set's own names of splits mean; `train` is shared out over the splits it does not name.
        renames: whether classes that are listed have their other names already.
    """

    spec: type[FileSpec]
    expected: str
    matches: Callable[[Path], bool]
    list_files: Loader
    select: Callable[[Listing, Any], Listing]
    official: Mapping[str, SplitName] = field(default_factory=dict)
    renames: bool = False


_USUAL: dict[str, SplitName] = {"train": "train", "val": "val", "calib": "calib", "test": "test"}
_HELD_OUT: dict[str, SplitName] = {"train": "train", "valid": "test", "test": "test"}
"""Where only the official validation set is public, it is what results are reported on; so is a test set beside it."""

LAYOUTS: dict[str, Layout] = {
    "mura": Layout(
        spec=Mura,
        expected=mura.EXPECTED,
        matches=mura.matches,
        list_files=mura.list_files,
        select=mura.select,
        official=_HELD_OUT,
    ),
    "chexpert": Layout(
        spec=Chexpert,
        expected=chexpert.EXPECTED,
        matches=chexpert.matches,
        list_files=chexpert.list_files,
        select=chexpert.select,
        official=_HELD_OUT,
        renames=True,
    ),
    "covid": Layout(
        spec=CovidRadiography,
        expected=covid.EXPECTED,
        matches=covid.matches,
        list_files=covid.list_files,
        select=covid.select,
        renames=True,
    ),
    "medmnist": Layout(
        spec=MedMnist,
        expected=medmnist.EXPECTED,
        matches=medmnist.matches,
        list_files=medmnist.list_files,
        select=medmnist.select,
        official=_USUAL,
    ),
    "imageclef": Layout(
        spec=ImageClef,
        expected=imageclef.EXPECTED,
        matches=imageclef.matches,
        list_files=imageclef.list_files,
        select=imageclef.select,
    ),
    "table": Layout(
        spec=ImageTable,
        expected=table.EXPECTED,
        matches=table.matches,
        list_files=table.list_files,
        select=table.select,
        official=_USUAL,
        renames=True,
    ),
    "folder": Layout(
        spec=ImageFolder,
        expected=folder.EXPECTED,
        matches=folder.matches,
        list_files=folder.list_files,
        select=folder.select,
        official=_USUAL,
        renames=True,
    ),
}
"""Tried in this order, the particular ones before the general. A new loader adds its entry here."""

_NAMED = 8


def detect(root: Path) -> str | None:
    """Name the layout of a folder or of the only folder in it, or None where it is none that we know."""
    if not root.exists():
        return None
    return next((name for name, layout in LAYOUTS.items() if _place(root, layout) is not None), None)


def require_layout(root: Path | None, name: str) -> Path:
    """Return the place of a data set: the folder given, or the one folder directly in it that has the layout.

    Raises:
        DataProblem: says what was expected, what was found, and where near by the layout is found.
    """
    layout = LAYOUTS[name]
    if root is None:
        raise DataProblem(
            f"The data set {name!r} lies on disk, and no folder was given. Pass --data FOLDER.", "missing"
        )
    if not root.exists():
        raise DataProblem(f"{root}: the data folder does not exist. Check --data.", "missing", root)
    place = _place(root, layout)
    if place is not None:
        return place
    if not root.is_dir():
        raise DataProblem(
            f"{root}: the data folder is a file, not a folder; unpack it first. Check --data.", "missing", root
        )
    raise DataProblem(
        f"{root}: the folder does not have the layout {name!r}, which is {layout.expected}. It holds {_found(root)}. "
        f"{_way_out(root, layout)}",
        "layout",
        root,
    )


def _place(root: Path, layout: Layout) -> Path | None:
    """Where the layout is: here, or in the one folder below that has it."""
    if layout.matches(root):
        return root
    below = [entry for entry in _folders(root) if layout.matches(entry)]
    return below[0] if len(below) == 1 else None


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _found(root: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir() if not entry.name.startswith("."))
    if not names:
        return "nothing"
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _way_out(root: Path, layout: Layout) -> str:
    """Look one level below and two above (a class folder, or its `images`, may have been given)."""
    near = next((place for place in (*_folders(root), *root.resolve().parents[:2]) if layout.matches(place)), None)
    other = detect(root)
    if near is not None:
        return f"Did you mean --data {str(near)!r}?"
    return f"Its layout is {other!r}." if other else "Check --data, and that the archive was unpacked whole."
