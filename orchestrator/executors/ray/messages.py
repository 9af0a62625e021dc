"""What Ray pushes to a driver about the cluster: a line on the log, where Ray would print stack traces to stdout."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)


def keep_off_stdout() -> None:
    """Have Ray's messages about lost nodes and workers go to the log.

    Ray prints them to stdout whatever it is told about logging, and there belongs nothing but what a command answers.
    What matters of them to the user, losses of nodes, is said by `NodeLosses`. The name is one of Ray's own insides: where
    a later Ray has none of that name, its messages appear as it likes.
    """
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = to_log


def to_log(data: Mapping[str, Any], ignore_prefix: bool = False) -> None:
    """The first line of each message."""
    for text in data.get("lines", ()):
        first = str(text).strip().split("\n")[0]
        if first:
            log.info("Ray: %s", first)
