"""Errors of the machine. A caller's mistake is a ValueError; its message says who, the rule, the value and the way out."""

from __future__ import annotations


class MachineError(RuntimeError):
    """Something outside the program does not work: a disk, a server, a cluster. Exit code 3."""


class StorageError(MachineError):
    """The store cannot be read or written."""


class TrackingError(MachineError):
    """The tracking server cannot be reached or refuses."""


class SweepLocked(MachineError):
    """Another living driver holds the sweep."""
