"""A layout whose loader is not written yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.data.listing import Listing

EXPECTED = "not there yet"


def matches(root: Path) -> bool:
    """Whether a folder has this layout."""
    return False


def list_files(root: Path, spec: Any, renamed: Mapping[str, str] | None = None) -> Listing:
    """List its images."""
    raise NotImplementedError


def select(listing: Listing, spec: Any) -> Listing:
    """What is used of it."""
    return listing
