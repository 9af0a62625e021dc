"""Numbers, times and states as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

DASH = "–"


def number_text(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, or a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:z.{digits}f}"


def short_text(value: object) -> str:
    """A parameter: numbers with four significant digits, anything else as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return DASH if value is None else str(value)


def params_text(params: Mapping[str, object]) -> str:
    """`backbone vgg16, dropout 0.25`: what a trial was drawn with."""
    return ", ".join(f"{name} {short_text(value)}" for name, value in params.items())


def seconds_text(seconds: float | None) -> str:
    """A duration: milliseconds, seconds, minutes or hours."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else "1 s"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def time_text(timestamp: float) -> str:
    """A moment in UTC, to the minute; a dash for 0."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC" if timestamp else DASH


def plural(count: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def percent_text(share: float) -> str:
    """A share as a percentage with one digit."""
    return f"{100 * share:.1f} %"


def some_names(names: Sequence[str]) -> str:
    """The first four names, and how many there are beyond them."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
