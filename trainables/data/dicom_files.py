"""Reading DICOM headers from files that may be damaged or made to do harm."""

from __future__ import annotations

import io
import logging
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from trainables.data.problems import bad_image

if TYPE_CHECKING:
    from pydicom import Dataset

PREAMBLE, MAGIC = 128, b"DICM"
EXPORT = "Export it anew, or remove it."
DECOMPRESS = "Decompress it, for example with `gdcmconv -w IN OUT` or `dcmdjpeg IN OUT`, or remove it."
"""Ways out."""

_LOG = logging.getLogger("pydicom")
_DEFLATED = "1.2.840.10008.1.2.1.99"


def starts_as_dicom(path: Path) -> bool:
    """Whether a file has the mark behind the preamble.

    Raises:
        OSError: a file that cannot be opened.
    """
    with path.open("rb") as stream:
        return stream.read(PREAMBLE + len(MAGIC))[PREAMBLE:] == MAGIC


def read_header(path: Path) -> Dataset:
    """Everything before the pixels.

    Raises:
        BadImage: content that is no DICOM, or deflated as a whole.
        Exception: nearly any other, from a damaged file.
    """
    pydicom, named = _pydicom(), starts_as_dicom(path)
    if named and pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
        raise bad_image(path, "unreadable", "the whole file is deflated, and may unpack to any size.", DECOMPRESS)
    with _Bounded(path) as stream:
        header: Dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)  # old files have no mark
    if not named and "Rows" not in header:
        raise bad_image(path, "unreadable", "the content is no DICOM image, whatever the name says.", EXPORT)
    return header


def read_whole(path: Path) -> Dataset:
    """Header and pixels of a file whose header has been found to be harmless.

    Raises:
        Exception: nearly any, from a damaged file.
    """
    with _Bounded(path) as stream:
        dataset: Dataset = _pydicom().dcmread(stream, force=True)
        return dataset


class _Bounded(io.BufferedReader):
    """A file that is never asked for more than it has: a damaged length would make Python reserve gigabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._length = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes."""
        bounded = size is None or size < 0
        return super().read(size if bounded else min(size or 0, max(self._length - self.tell(), 0)))


_SILENCED = re.compile(r"pydicom\b")


def _pydicom() -> ModuleType:
    """The library, imported when the first file is read, and silent: its log and warnings quote elements."""
    import pydicom

    _LOG.setLevel(logging.CRITICAL + 1)
    # each time, for whoever catches warnings drops the filter with his own
    if not any(entry[0] == "ignore" and entry[3] == _SILENCED for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_SILENCED.pattern)
    return pydicom
