"""The storage: what the store does there is really done once, in a folder or an object that is removed again."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.doctor.bucket import check_bucket, clock_ahead
from orchestrator.doctor.findings import Checked, Finding, gigabytes
from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, absolute, is_bucket
from orchestrator.storage.places import place_of

PROBE_BYTES = 2**20
SLOW_SECONDS = 2.0
LEAST_DISK_BYTES = 5e9
CLOCK_SECONDS = 30.0


def check_storage(storage: Storage) -> Checked:
    """Write, sync, link, replace and lock a file, as the store and the ledger do."""
    if is_bucket(storage):
        return check_bucket(storage)
    storage = Path(storage)
    started = time.perf_counter()
    try:
        absolute(storage)
        with _probe_folder(storage) as folder:
            _write_and_commit(folder)
    except ValueError as error:
        return Checked(
            findings=(_finding(str(error), "Name a folder or a bucket with --storage or ORCHESTRATOR_STORAGE."),)
        )
    except _Refused as refused:
        return Checked(findings=(_finding(f"{storage} {refused}", "Name a folder on another disk with --storage."),))
    except OSError as error:
        return Checked(
            findings=(
                _finding(
                    f"{storage} cannot be written: {error.strerror or error} (in {nearest_folder(storage)}).",
                    "Name a folder that you may write with --storage or ORCHESTRATOR_STORAGE, or mend its permissions.",
                ),
            )
        )
    seconds = time.perf_counter() - started
    facts = {"storage": str(storage.absolute()), "storage_seconds": round(seconds, 4)}
    if seconds > SLOW_SECONDS:
        message = (
            f"{storage} took {seconds:.1f} s to write, sync and link one file of 1 MiB; a sweep does that every epoch."
        )
        return Checked(facts=facts, findings=(_finding(message, "Name a faster disk with --storage."),))
    return Checked(facts=facts)


def check_disk(storage: Storage) -> Checked:
    """Room for checkpoints and decoded images, or for the copies of what lies in a bucket."""
    folder = place_of(storage).local
    free = shutil.disk_usage(nearest_folder(folder)).free
    facts = {"disk_free_bytes": free}
    if free >= LEAST_DISK_BYTES:
        return Checked(facts=facts)
    message = f"The disk of {folder} has {gigabytes(free)} left; a sweep wants {gigabytes(LEAST_DISK_BYTES)} at least."
    remedy = (
        "Free some (`orchestrator delete` removes an old sweep), or name another disk with --storage; "
        "copies of a bucket lie in ORCHESTRATOR_CACHE."
    )
    return Checked(facts=facts, findings=(Finding(kind="disk", message=message, remedy=remedy),))


def check_clock(storage: Storage) -> Checked:
    """The clock agrees with that of the storage's file system, and has not gone back behind the last sweep."""
    now = time.time()
    ahead: dict[str, float] = {}
    with suppress(OSError, StorageError):  # the storage check tells it
        ahead["the sweeps that lie in the storage"] = _newest_sweep(storage) - now
        ahead["the storage"] = clock_ahead(storage) if is_bucket(storage) else _folder_ahead(Path(storage))
    behind = -ahead.get("the storage", 0.0)
    facts = {"clock": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}
    remedy = "Set the clock (timedatectl set-ntp true); audits compare the times of epochs."
    findings = [
        Finding(
            kind="clock", message=f"This machine's clock is {seconds:,.0f} s behind that of {whose}.", remedy=remedy
        )
        for whose, seconds in ahead.items()
        if seconds > CLOCK_SECONDS
    ]
    if behind > CLOCK_SECONDS:
        message = f"This machine's clock is {behind:,.0f} s ahead of that of the storage."
        findings.append(Finding(kind="clock", message=message, remedy=remedy))
    return Checked(facts=facts, findings=tuple(findings))


def nearest_folder(place: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    place = place.absolute()
    return next(each for each in (place, *place.parents) if each.exists())


class _Refused(Exception):
    """The file system lacks something that the store needs."""


@contextmanager
def _probe_folder(storage: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=nearest_folder(storage)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_and_commit(folder: Path) -> None:
    draft, committed = folder / "draft", folder / "committed"
    content = os.urandom(PROBE_BYTES)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, committed)
    except OSError as error:
        raise _Refused(f"allows no hard link ({error.strerror}), and results are committed by one.") from error
    if committed.read_bytes() != content:
        raise _Refused("gives back another content than was written.")
    try:
        os.link(draft, committed)
    except FileExistsError:
        pass
    else:
        raise _Refused("lets a link replace a file, so that one result could overwrite another.")
    draft.replace(folder / "replaced")
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _Refused(f"allows no lock ({error.strerror}), so that two drivers could run one sweep.") from error


def _newest_sweep(storage: Storage) -> float:
    return place_of(storage).modified("sweeps/*/sweep.json")


def _folder_ahead(storage: Path) -> float:
    with _probe_folder(storage) as folder:
        (folder / "now").write_bytes(b"")
        return (folder / "now").stat().st_mtime - time.time()


def _finding(message: str, remedy: str) -> Finding:
    return Finding(kind="storage", message=message, remedy=remedy)
