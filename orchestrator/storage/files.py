"""Files that are written as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError


def write_once(path: Path, text: str) -> bool:
    """Create a file with its whole content, or leave the one that is there.

    Returns:
        Whether this call created it.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with draft.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return _is_linked(draft, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free the disk or choose --storage.") from error
    finally:
        draft.unlink(missing_ok=True)
    return True


def _is_linked(draft: Path, path: Path) -> bool:
    """Whether the link is this writer's own: where NFS loses an answer it asks again, and is told that there is a file."""
    try:
        return draft.samefile(path)
    except FileNotFoundError:
        return False


def replace(path: Path, text: str) -> None:
    """Give a file new content at once: readers see the old or the new, never a part."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free the disk or choose --storage.") from error
    finally:
        draft.unlink(missing_ok=True)


def describe(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def size_of(path: Path | str) -> int:
    """Size of a file in bytes; -1 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
