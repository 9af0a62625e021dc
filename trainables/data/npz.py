"""Arrays inside an `.npz` file, read without unpickling; large ones row by row, so that memory stays flat."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainables.data.problems import DataProblem
from trainables.data.wording import shown

_ENDING = ".npy"
_START = b"PK\3\4"
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What an array says of itself.

    Attributes:
        shape: its extents.
        by_columns: whether the first index runs fastest (Fortran's order).
        dtype: of its values.
    """

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]


def keys_of(file: Path) -> frozenset[str]:
    """Names of the arrays of a file.

    Raises:
        DataProblem: a file that is missing or no `.npz`.
    """
    with _explained(file):
        with open(file, "rb") as stream:
            start = stream.read(len(_START))
        if not start:
            raise DataProblem(f"{file}: the file is empty (0 bytes). Copy it again.", "zero_byte", file)
        if start == _START and not zipfile.is_zipfile(file):
            raise _truncated(file, None, "the table at its end is not there")
        with zipfile.ZipFile(file) as archive:
            return frozenset(name.removesuffix(_ENDING) for name in archive.namelist() if name.endswith(_ENDING))


def header_of(file: Path, key: str) -> Header:
    """Shape and type of an array, which is looked at no further.

    Raises:
        DataProblem: it is missing or damaged, or holds Python objects.
    """
    with _explained(file, key), zipfile.ZipFile(file) as archive, archive.open(key + _ENDING) as stream:
        return _header(stream, archive.getinfo(key + _ENDING), file, key)


def read_whole(file: Path, key: str) -> NDArray[Any]:
    """Read a small array.

    Raises:
        DataProblem: see `header_of`.
    """
    with _explained(file, key), zipfile.ZipFile(file) as archive, archive.open(key + _ENDING) as stream:
        header = _header(stream, archive.getinfo(key + _ENDING), file, key)
        values = np.frombuffer(_bytes(stream, _size(header), file, key), header.dtype)
        _end(stream, file, key)
    return values.reshape(header.shape, order="F" if header.by_columns else "C")


class Rows:
    """The rows of an array, read from the first to the last; going back begins anew."""

    def __init__(self, file: Path, key: str) -> None:
        self._file, self._key = file, key
        self._opened: tuple[IO[bytes], Header] | None = None
        self._next = 0

    def row(self, number: int) -> NDArray[Any]:
        """One row of the array.

        Raises:
            DataProblem: the array ends before the row, or is damaged.
        """
        with _explained(self._file, self._key):
            if self._opened is None or number < self._next:
                self.close()
                self._opened = self._open()
            while self._next < number:
                self._read(*self._opened)
            return self._read(*self._opened)

    def close(self) -> None:
        """Close the file; the next row opens it again."""
        if self._opened is not None:
            self._opened[0].close()
        self._opened, self._next = None, 0

    def _open(self) -> tuple[IO[bytes], Header]:
        with zipfile.ZipFile(self._file) as archive:  # the file itself stays open as long as the stream is
            stream = archive.open(self._key + _ENDING)
            return stream, _header(stream, archive.getinfo(self._key + _ENDING), self._file, self._key)

    def _read(self, stream: IO[bytes], header: Header) -> NDArray[Any]:
        shape = header.shape[1:]
        size = math.prod(shape) * header.dtype.itemsize
        row = np.frombuffer(_bytes(stream, size, self._file, self._key), header.dtype).reshape(shape)
        self._next += 1
        if self._next == header.shape[0]:
            _end(stream, self._file, self._key)
        return row


def _header(stream: IO[bytes], member: zipfile.ZipInfo, file: Path, key: str) -> Header:
    version = np.lib.format.read_magic(stream)
    if version not in _READERS:
        raise _unreadable(file, key, f"version {version} of the format is unknown")
    try:
        header = Header(*_READERS[version](stream))
    except MemoryError as error:  # of the parser, where brackets are nested too deep
        raise _unreadable(file, key, "its header cannot be read") from error
    if header.dtype.hasobject:
        raise _unreadable(file, key, "it holds Python objects, and unpickling them could run any program")
    held = member.file_size - stream.tell()
    if min(header.shape, default=0) < 0 or _size(header) != held:
        raise _truncated(file, key, f"its header promises {_size(header):,} bytes, and it holds {held:,}")
    return header


def _size(header: Header) -> int:
    return math.prod(header.shape) * header.dtype.itemsize


def _bytes(stream: IO[bytes], size: int, file: Path, key: str) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise _truncated(file, key, f"{size - len(content):,} bytes are not there")
    return content


def _end(stream: IO[bytes], file: Path, key: str) -> None:
    """Reach the end, where the checksum is looked at."""
    if stream.read(1):
        raise _unreadable(file, key, "it goes on behind its end")


@contextmanager
def _explained(file: Path, key: str | None = None) -> Iterator[None]:
    try:
        yield
    except (DataProblem, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataProblem(f"{file}: the file does not exist. Restore it.", "missing", file) from error
    except EOFError as error:
        raise _truncated(file, key, str(error) or "it ends too early") from error
    except Exception as error:  # broken files make zipfile, zlib and numpy raise nearly anything
        raise _unreadable(file, key, f"{type(error).__name__}: {shown(error)}") from error


def _truncated(file: Path, key: str | None, what: str) -> DataProblem:
    return DataProblem(f"{_named(file, key)} is truncated: {what}. Copy the file again.", "truncated", file)


def _unreadable(file: Path, key: str | None, what: str) -> DataProblem:
    return DataProblem(f"{_named(file, key)} cannot be read ({what}). Copy the file again.", "unreadable", file)


def _named(file: Path, key: str | None) -> str:
    return f"{file}: the file" if key is None else f"{file}: the array {key!r}"
