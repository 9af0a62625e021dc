"""A row of a sweep's ledger, and the reports of its epochs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from trainables.spec import VERSIONS, content_key

TrialState: TypeAlias = Literal["running", "completed", "stopped", "failed"]
SweepState: TypeAlias = Literal["running", "interrupted", "finished", "failed"]
RowKind: TypeAlias = Literal["trial", "member"]


@dataclass(kw_only=True)
class Report:
    """One epoch of one trial.

    Attributes:
        epoch: 1 for the first; 0 while the first of two stages is trained, which is in no row.
        metrics: by name, `[task/]split/metric`.
        best_epoch: epoch with the best weights so far.
        finished: whether the network is complete.
        seconds: by stage.
        time: when it was computed, seconds since 1970.
        micro_batches: parts that its batches were cut into because memory ran out; 1 for whole ones.
        worker: what computed it, see `orchestrator.provenance.worker`; empty where nobody wrote it down.
    """

    epoch: int
    metrics: dict[str, float]
    best_epoch: int
    finished: bool
    seconds: dict[str, float] = field(default_factory=dict)
    time: float = 0.0
    micro_batches: int = 1
    worker: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Row:
    """One draw of the search, or one member of the deep ensemble.

    Attributes:
        kind: `trial` for a draw, `member` for the best configuration under another seed.
        number: from 0 within its kind.
        spec: the trial's description as JSON values.
        key: key of the network.
        fit_key: key of the chain of epochs.
        data_key: key of the prepared data.
        first_key, first_fit_key: the same two of the first stage; empty for a training in one stage.
        lungs_key: key of the U-Net that maps the lungs; empty for a network without.
        parent: under PBT the epoch of another trial's chain that this one goes on from; empty for one that begins.
        params, distributions: what Optuna drew, and from what, as JSON.
        notes: what the sampler noted with the draw; a rebuilt study needs it to draw what the unbroken one would have drawn.
        state: where it stands; a `stopped` one was ended by the scheduler.
        reports: one an epoch, in order.
        late: objectives that are known only when the trial is complete, by name.
        reason: why it failed.
        started, ended: seconds since 1970; ended is 0 while it runs.
    """

    kind: RowKind
    number: int
    spec: dict[str, Any]
    key: str
    fit_key: str
    data_key: str
    first_key: str = ""
    first_fit_key: str = ""
    lungs_key: str = ""
    parent: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    state: TrialState = "running"
    reports: list[Report] = field(default_factory=list)
    late: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    started: float = field(default_factory=time.time)
    ended: float = 0.0

    @property
    def name(self) -> str:
        """`trial-0003` or `member-0001`."""
        return f"{self.kind}-{self.number:04d}"

    @property
    def network(self) -> str:
        """Key of the network that post-hoc tasks work on: of a stopped trial the one that it had by then."""
        if self.state != "stopped":
            return self.key
        settings = {"stopped_after": len(self.reports)}
        return content_key("network", version=VERSIONS["fit"], settings=settings, inputs=[self.fit_key])

    @property
    def born(self) -> int:
        """The epoch of its parent that a copy in a population goes on from; 0 of a row that begins."""
        return int(self.parent.rsplit("-", 1)[1]) if self.parent else 0

    @property
    def chains(self) -> list[str]:
        """Keys of the chains of epochs behind the network, the first stage's before its own."""
        return [key for key in (self.first_fit_key, self.fit_key) if key]

    @property
    def trained(self) -> list[str]:
        """Keys of the lungs' U-Net and of the networks of its stages, its own at the end."""
        return [key for key in (self.lungs_key, self.first_key, self.key) if key]

    @property
    def best(self) -> Report | None:
        """The report of the epoch whose weights the network has (or would have by now)."""
        if not self.reports:
            return None
        best_epoch = self.reports[-1].best_epoch
        return next((report for report in self.reports if report.epoch == best_epoch), self.reports[-1])
