"""What a tracking server takes: lengths of texts, finite numbers."""

from __future__ import annotations

import math
from dataclasses import replace

from orchestrator.tracking.protocol import RunUpdate

PARAM_CHARACTERS = 6000
TAG_CHARACTERS = 5000
NAME_CHARACTERS = 250


def within_limits(update: RunUpdate) -> RunUpdate:
    """The same update with long texts cut and non-finite points left out."""
    return replace(
        update,
        params={name[:NAME_CHARACTERS]: _cut(value, PARAM_CHARACTERS) for name, value in update.params.items()},
        tags={name[:NAME_CHARACTERS]: _cut(value, TAG_CHARACTERS) for name, value in update.tags.items()},
        metrics=[point for point in update.metrics if point.value is not None and math.isfinite(point.value)],
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
