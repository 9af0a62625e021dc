"""How long a search will still train, from the epochs that it has trained so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainables.spec import Schedule

if TYPE_CHECKING:
    from orchestrator.storage.ledger import Row

LEAST_EPOCHS = 3
"""Epochs that must have ended before anything is said about those to come."""


def planned_epochs(row: Row) -> int:
    """Epochs that the row's network has when it is complete; a schedule at its default does not stand in the row."""
    return int(row.spec.get("schedule", {}).get("epochs", Schedule().epochs))


def epochs_to_come(rows: Sequence[Row], *, trials: int, members: int) -> float:
    """Epochs that are still to be trained: of running rows, of trials that are not drawn yet, and of members.

    A trial that is not drawn counts as many epochs as trials had that have ended, since a scheduler stops some; a member
    is trained to its end.

    Args:
        rows: of the ledger.
        trials: how many trials the sweep wants.
        members: how many members.
    """
    if not rows:
        return 0.0
    running = sum(max(0, planned_epochs(row) - row.born - len(row.reports)) for row in rows if row.state == "running")
    ended = [len(row.reports) for row in rows if row.kind == "trial" and row.state in ("completed", "stopped")]
    longest = max(map(planned_epochs, rows))
    each = sum(ended) / len(ended) if ended else longest
    drawn = sum(row.kind == "trial" for row in rows)
    return running + max(0, trials - drawn) * each + max(0, members - (len(rows) - drawn)) * longest


def seconds_left(rows: Sequence[Row], *, trials: int, members: int, since: float, now: float) -> float | None:
    """Seconds of training that are left at the pace of this start; None where nothing can be said yet, or none is left.

    Args:
        rows: of the ledger.
        trials: how many trials the sweep wants.
        members: how many members.
        since: when this start began, seconds since 1970; epochs of earlier starts say nothing about this machine.
        now: seconds since 1970.
    """
    times = [report.time for row in rows for report in row.reports if report.time > since]
    left = epochs_to_come(rows, trials=trials, members=members)
    if len(times) < LEAST_EPOCHS or left <= 0:
        return None
    return left * (now - since) / len(times)


def duration_text(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
