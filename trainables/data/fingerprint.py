"""The fingerprint of a data set: what its files contain, not where they lie.

Content hashes are remembered by path, size and time of change, so that a second start reads no image.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainables.data.problems import DataProblem

ContentHashes = dict[str, tuple[int, int, str]]
"""Size in bytes, time of change in nanoseconds and SHA-256 by absolute path."""

MISSING = "missing"
"""Content of a file that a data set names and that is not there."""

_SETTLED_SECONDS = 2.0


def fingerprint_folder(root: Path, files: Iterable[str], cache: ContentHashes | None = None) -> str:
    """Hash the names and contents of files.

    Args:
        root: the data folder; its own place does not enter.
        files: paths below the root, in any order.
        cache: remembered content hashes, completed here; None remembers nothing.

    Returns:
        SHA-256 in hex.

    Raises:
        DataProblem: a file that cannot be read.
    """
    remembered = {} if cache is None else cache
    names = sorted(set(files))
    with ThreadPoolExecutor(min(16, (os.cpu_count() or 1) * 2)) as pool:
        hashes = list(pool.map(lambda name: _content_hash(root / name, remembered), names, chunksize=32))
    whole = hashlib.sha256()
    for name, content in zip(names, hashes, strict=True):
        whole.update(f"{len(name)}:{name}:{content}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def load_cache(path: Path) -> ContentHashes:
    """Read remembered content hashes; a missing or damaged file is an empty memory."""
    try:
        plain = json.loads(path.read_text("utf-8"))
        return {name: (int(size), int(changed), str(content)) for name, (size, changed, content) in plain.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def save_cache(path: Path, cache: ContentHashes) -> None:
    """Write remembered content hashes; another process sees the old file or the new one, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(cache, stream)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _content_hash(path: Path, cache: ContentHashes) -> str:
    place = os.path.abspath(path)
    try:
        status = os.stat(place)
        size, changed, content = cache.get(place, (-1, -1, ""))
        if (size, changed) == (status.st_size, status.st_mtime_ns):
            return content
        with open(place, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        raise DataProblem(
            f"{path}: the file cannot be read ({error.strerror}). Restore it or its permissions, or remove it.",
            "unreadable",
            path,
        ) from error
    # a file changed a moment ago may change again within the clock's tick, unseen
    if time.time() - status.st_mtime > _SETTLED_SECONDS:
        cache[place] = (status.st_size, status.st_mtime_ns, content)
    return content
