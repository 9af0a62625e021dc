"""Values as messages show them: a damaged file may hold anything, and a message stays a few lines long."""

from __future__ import annotations

_SHOWN = 120


def shown(value: object) -> str:
    """A value, cut where it is long."""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def quoted(text: str) -> str:
    """A text in quotes, cut where it is long."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
