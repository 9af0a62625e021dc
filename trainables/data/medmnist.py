"""A layout whose loader is not written yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.listing import Listing

EXPECTED = "not there yet"


class Images:
    """Reads the images of a file in order."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    def read(self, rows: range) -> Sequence[NDArray[np.uint8]]:
        """Raw images of consecutive rows."""
        raise NotImplementedError


def matches(root: Path) -> bool:
    """Whether a folder has this layout."""
    return False


def list_files(root: Path, spec: Any, renamed: Mapping[str, str] | None = None) -> Listing:
    """List its images."""
    raise NotImplementedError


def select(listing: Listing, spec: Any) -> Listing:
    """What is used of it."""
    return listing
