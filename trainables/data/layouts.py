"""Which published layout a folder has, and what to say when it has another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trainables.data import covid
from trainables.data.problems import DataProblem

LAYOUTS: dict[str, tuple[Callable[[Path], bool], str]] = {
    "covid": (covid.matches, covid.EXPECTED),
}
"""For every layout a test of a folder, and its description for messages. A new loader adds its line here."""

_NAMED = 8


def detect(root: Path) -> str | None:
    """Name the layout of a folder, or None where it is none that we know."""
    if not root.is_dir():
        return None
    return next((name for name, (matches, _) in LAYOUTS.items() if matches(root)), None)


def require_layout(root: Path | None, name: str) -> Path:
    """Return the folder, if it has the layout.

    Raises:
        DataProblem: says what was expected, what was found, and where near by the layout is found.
    """
    matches, expected = LAYOUTS[name]
    if root is None:
        raise DataProblem(
            f"The data set {name!r} lies on disk, and no folder was given. Pass --data FOLDER.", "missing"
        )
    if not root.is_dir():
        what = "is a file, not a folder; unpack it first" if root.exists() else "does not exist"
        raise DataProblem(f"{root}: the data folder {what}. Check --data.", "missing", root)
    if not matches(root):
        raise DataProblem(
            f"{root}: the folder does not have the layout {name!r}, which is {expected}. It holds {_found(root)}. "
            f"{_way_out(root, matches)}",
            "layout",
            root,
        )
    return root


def _found(root: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir() if not entry.name.startswith("."))
    if not names:
        return "nothing"
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _way_out(root: Path, matches: Callable[[Path], bool]) -> str:
    """Look one level below and two above (a class folder, or its `images`, may have been given)."""
    below = sorted(entry for entry in root.iterdir() if entry.is_dir())
    near = next((place for place in (*below, *root.resolve().parents[:2]) if matches(place)), None)
    other = detect(root)
    if near is not None:
        return f"Did you mean --data {str(near)!r}?"
    return f"Its layout is {other!r}." if other else "Check --data, and that the archive was unpacked whole."
