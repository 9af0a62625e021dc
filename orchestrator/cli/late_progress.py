"""Progress on stderr for work that takes more than a moment."""

from __future__ import annotations

import time

import click

SILENT_SECONDS = 5.0
BETWEEN_SECONDS = 2.0


class LateProgress:
    """Says how far the work is, every two seconds, once it has taken five.

    Args:
        quiet: say nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._next = time.monotonic() + SILENT_SECONDS

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note of what is done."""
        now = time.monotonic()
        if not self._quiet and now >= self._next:
            self._next = now + BETWEEN_SECONDS
            click.echo(f"{what}: {done} of {total} images", err=True)
