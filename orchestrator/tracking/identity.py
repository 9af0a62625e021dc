"""What tells one sweep from another on a tracking server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sweep_identity(definition: Mapping[str, Any]) -> str:
    """`name@<milliseconds of its creation>`: other than that of a deleted sweep, and of other people's, of that name."""
    return f"{definition['name']}@{milliseconds(definition['created'])}"


def milliseconds(seconds: float) -> int:
    """Seconds since 1970 as MLflow counts them."""
    return round(seconds * 1000)
