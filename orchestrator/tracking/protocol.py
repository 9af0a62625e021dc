"""What we ask of a tracking server; MLflow stands behind it, or a dictionary."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol, TypeAlias

RunStatus: TypeAlias = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

KEY_TAG = "orchestrator.key"
SWEEP_TAG = "orchestrator.sweep"
KIND_TAG = "orchestrator.kind"
DIGEST_TAG = "orchestrator.digest"

# runs that no row of a ledger stands for, and that are no orphans: external validations, explained images
LOOSE_KINDS = ("evaluation", "explanation")


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
class Artifact:
    """A file of a run, made when it is sent.

    Attributes:
        identity: another one means another content.
        content: gives the bytes.
    """

    identity: str
    content: Callable[[], bytes] = field(compare=False)


def text_artifact(text: str) -> Artifact:
    """A text file."""
    return Artifact(identity=hashlib.sha256(text.encode()).hexdigest(), content=text.encode)


@dataclass(frozen=True, kw_only=True)
class TrackedData:
    """A data set as a run's input.

    Attributes:
        name: kind of the data set, such as `covid`.
        digest: 36 characters at most; another one is another data set.
        source: key of the prepared data; no path.
        schema: classes and size, as JSON text.
        profile: images by split, as JSON text.
    """

    name: str
    digest: str
    source: str
    schema: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class View:
    """How a sweep's runs are shown to somebody who has set nothing up.

    Attributes:
        metrics, params: columns, in order.
        order_by: metric that the runs are sorted by.
        ascending: whether the smallest comes first.
        compared_params, compared_metrics: axes of the parallel coordinates: what every trial has.
    """

    metrics: Sequence[str]
    params: Sequence[str]
    order_by: str
    ascending: bool
    compared_params: Sequence[str] = ()
    compared_metrics: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RunUpdate:
    """What a run shall hold. Applied as often as one likes, the run holds it once.

    A tracker writes in the order files, status, params and metrics, tags: where the tags have arrived, all has.

    Attributes:
        key: identity of the run within its sweep: an artifact key, or the sweep's name for the parent.
        name: what a person reads.
        parent: key of the parent run, which has been applied before; None for the sweep itself.
        status: where it stands.
        start_ms, end_ms: milliseconds since 1970; end 0 while it runs.
        params: settings as text. The first value of a name stays: MLflow's params cannot change.
        tags: further tags; the last value of a name counts.
        metrics: points to log; those with a non-finite value are left out.
        artifacts: by path inside the run.
        datasets: inputs of the run.
        view: of the sweep's run, how all of its runs are shown.
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
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    datasets: Sequence[TrackedData] = ()
    view: View | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Names the update by all that it holds."""
        content = {
            "run": [self.key, self.name, self.parent, self.status, self.start_ms, self.end_ms],
            "params": dict(self.params),
            "tags": dict(self.tags),
            "metrics": [[point.name, point.value, point.step, point.time_ms] for point in self.metrics],
            "artifacts": {path: artifact.identity for path, artifact in self.artifacts.items()},
            "datasets": [asdict(each) for each in self.datasets],
            "view": asdict(self.view) if self.view else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as the server knows it; of each metric the value at the highest step, the latest of several.

    Of its data sets there are name and digest.
    """

    run_id: str
    key: str
    sweep: str
    parent_id: str | None
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A version of a registered model.

    Attributes:
        name, version: as the registry has them.
        key: of the network or ensemble.
        run_id: of the run that has its files.
        aliases: that name this version.
    """

    name: str
    version: str
    key: str
    run_id: str
    aliases: tuple[str, ...] = ()


class Tracker(Protocol):
    """A tracking server, for the runs of one sweep."""

    def place(self) -> str:
        """Where the runs lie; another text means that they may all be gone. Connects to nothing."""
        ...

    def apply(self, update: RunUpdate) -> str:
        """Find the run by its key or create it, bring it up to date, and return its id.

        A run that somebody deleted by hand is restored, and of doubled runs the first one is kept: the ledger says
        which runs there are.

        Raises:
            TrackingError: the server cannot be reached or refuses; nothing needs to be undone, apply it again later.
            ValueError: the parent was not applied before.
        """
        ...

    def runs(self) -> list[RunRecord]:
        """All runs of the sweep that are not deleted, doubled ones too.

        Raises:
            TrackingError: the server cannot be reached.
        """
        ...

    def history(self, key: str, metric: str) -> list[MetricPoint]:
        """Every point of a metric of the run with that key, in order of step and time.

        Raises:
            TrackingError: the server cannot be reached.
        """
        ...

    def models(self) -> list[ModelRecord]:
        """The versions of registered models that are the sweep's, in order.

        Raises:
            TrackingError: the server cannot be reached.
        """
        ...

    def delete(self) -> int:
        """Remove all runs of the sweep and its registered versions, and return how many runs there were.

        Raises:
            TrackingError: the server cannot be reached.
        """
        ...
