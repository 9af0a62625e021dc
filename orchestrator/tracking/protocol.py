"""What we ask of a tracking server; MLflow stands behind it, or a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

RunStatus: TypeAlias = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

KEY_TAG = "orchestrator.key"
SWEEP_TAG = "orchestrator.sweep"


@dataclass(frozen=True, kw_only=True)
class MetricPoint:
    """One value of one metric.

    Attributes:
        name: `[task/]split/metric`.
        value: finite.
        step: epoch, or 0.
        time_ms: when it was computed, not when it is logged: logging it again then changes nothing.
    """

    name: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True, kw_only=True)
class RunUpdate:
    """What a run shall hold. Applied as often as one likes, the run holds it once.

    Attributes:
        key: identity of the run within its sweep: an artifact key, or the sweep's name for the parent.
        name: what a person reads.
        parent: key of the parent run, or None for the sweep itself.
        status: where it stands.
        start_ms, end_ms: milliseconds since 1970; end 0 while it runs.
        params: settings as text.
        tags: further tags.
        metrics: points to log.
        files: artifact path to a file with the content.
        texts: artifact path to text.
    """

    key: str
    name: str
    parent: str | None
    status: RunStatus = "RUNNING"
    start_ms: int = 0
    end_ms: int = 0
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[MetricPoint] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as the server knows it."""

    run_id: str
    key: str
    sweep: str
    parent_id: str | None
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class Tracker(Protocol):
    """A tracking server, for the runs of one sweep."""

    def apply(self, update: RunUpdate) -> str:
        """Find the run by its key or create it, bring it up to date, and return its id.

        Raises:
            TrackingError: the server cannot be reached or refuses; nothing needs to be undone, apply it again later.
        """
        ...

    def runs(self) -> list[RunRecord]:
        """All runs of the sweep, doubled ones too."""
        ...

    def history(self, key: str, metric: str) -> list[MetricPoint]:
        """Every point of a metric of the run with that key, in order of step."""
        ...

    def delete(self) -> int:
        """Remove all runs of the sweep and return how many there were."""
        ...
