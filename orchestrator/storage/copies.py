"""Copies of objects on this machine: whole and of the content that was committed, or not there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.storage.files import size_of
from orchestrator.storage.objects import Objects

TRIES = 3


def copy_file(objects: Objects, name: str, path: Path, entry: Mapping[str, Any]) -> None:
    """Copy an object to this machine, unless it is here or does not exist.

    Args:
        objects: of the bucket.
        name: of the object.
        path: where the copy goes; it appears there as a whole.
        entry: `bytes` and `sha256` of the manifest.

    Raises:
        StorageError: the content is another one, or the disk is in the way.
    """
    if size_of(path) == entry["bytes"]:
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _written(objects, name, draft) != entry["sha256"]:
            raise StorageError(
                f"{objects.address}/{name} is not what was committed: its sha256 is another one. Delete the artifact's "
                "manifest.json to have it computed again."
            )
        draft.replace(path)
    except KeyError:
        return  # dropped since it was committed: whoever needs it finds no file, as in a folder
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error}. Free the disk or name another folder in ORCHESTRATOR_CACHE."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _written(objects: Objects, name: str, path: Path) -> str:
    """Write the content of an object into a file and return its sha256; a connection that is cut is made again."""
    for left in reversed(range(TRIES)):
        digest = hashlib.sha256()
        try:
            with path.open("wb") as file:
                for block in objects.blocks(name):
                    digest.update(block)
                    file.write(block)
        except StorageError:
            if not left:
                raise
            continue
        break
    return digest.hexdigest()
