"""What a worker died of: of its own work, or with its node. Only the first is held against its trial or task."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

MOST_NODE_LOSSES = 20
"""For one trial or task: one that takes its nodes down with it must end some time."""
TAKEN_AWAY = ("preempted", "has been drained", "node was drained")
NOT_CLEAN = "This worker still holds"
"""What a worker says that another trial has left with memory of a GPU."""
LOST = ("node has died", "node died", "node is dead", "nodediederror", *TAKEN_AWAY)

log = logging.getLogger(__name__)


class NodeLosses:
    """Counts nodes lost under trials and tasks, and says so in one line each."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def forgive(self, name: str, error: str) -> bool:
        """Whether a failure is a loss of the node, or of a worker left unclean by another trial, and no fault of what ran there.

        Args:
            name: of the trial or task.
            error: what Ray said.
        """
        said = error.lower()
        if NOT_CLEAN.lower() in said:
            log.warning("%s: the worker that it was given still held memory of a GPU. It begins on another one.", name)
            return True
        if not any(word in said for word in LOST):
            return False
        self._seen[name] += 1
        if self._seen[name] > MOST_NODE_LOSSES:
            return False
        how = "was taken away" if any(word in said for word in TAKEN_AWAY) else "was lost"
        log.warning("%s: its node %s. It goes on elsewhere; that is no failure of its own.", name, how)
        return True


def last_failure(trial: Any) -> str:
    """What Ray said when a Tune trial's worker died the last time."""
    try:
        return Path(trial.error_file).read_text().rsplit("Failure #", 1)[-1]
    except (OSError, TypeError):
        return ""
