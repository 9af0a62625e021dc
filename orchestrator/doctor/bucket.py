"""A bucket as storage: written, written once, read and removed as the store does it, in an object that goes again."""

from __future__ import annotations

import time

from orchestrator.doctor.findings import Checked, Finding
from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, bucket_address, endpoint
from orchestrator.storage.objects import Objects
from orchestrator.storage.places import place_of

SLOW_SECONDS = 2.0


def check_bucket(storage: Storage) -> Checked:
    """The bucket can be written, and lets exactly one of two writers through."""
    started = time.perf_counter()
    try:
        place = place_of(storage)
        place.require_writable()
    except (ValueError, StorageError) as error:
        remedy = "Mend what the message names, or name another storage with --storage or ORCHESTRATOR_STORAGE."
        return Checked(findings=(Finding(kind="storage", message=str(error), remedy=remedy),))
    seconds = time.perf_counter() - started
    facts = {"storage": str(place.storage), "storage_seconds": round(seconds, 4), "copies": str(place.local)}
    if seconds > SLOW_SECONDS:
        message = f"{place.storage} took {seconds:.1f} s for three small writes; a sweep does as many every epoch."
        remedy = "Take a bucket in the region of the machines."
        return Checked(facts=facts, findings=(Finding(kind="storage", message=message, remedy=remedy),))
    return Checked(facts=facts)


def clock_ahead(storage: Storage) -> float:
    """By how many seconds the server's clock is ahead of this machine's.

    Raises:
        StorageError: the bucket is in the way.
    """
    return Objects(bucket_address(storage), endpoint()).clock_ahead()
