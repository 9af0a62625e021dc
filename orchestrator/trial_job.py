"""A trial as it travels to a worker."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator.storage.ledger import Report
from trainables.spec import TrialSpec, from_plain, to_plain


@dataclass(frozen=True, kw_only=True)
class TrialJob:
    """A trial as it travels to a worker: plain values only.

    Attributes:
        name: name of the row, `trial-0003`.
        spec: description as JSON values.
        key, fit_key, data_key: keys of the network, its chain and its data.
        first_key, first_fit_key: keys of the first stage's network and chain, or empty texts.
        lungs_key: key of the lungs' U-Net, or an empty text.
        parent: epoch of another chain whose state it goes on from, or an empty text.
        until: the epoch at which it waits for its generation; 0 if it runs to its end.
        keep_every: states of every so many epochs are kept, because others may go on from them; 0 for none.
        storage: the storage folder.
        threads: CPU threads of a worker; weights are equal bit for bit under an equal number.
        workers: processes that train it together; weights are equal bit for bit under an equal number, else to rounding.
        gpus: share of a GPU that is reserved for each worker, 0 for none.
        memory_gb: gigabytes that a worker may take, 0 for no limit.
        micro_batches: parts that its batches are cut into from the start, because a worker of it was ended for lack of memory.
        weights_folder: where local weight files lie, or an empty text.
        schedules: whether the sweep's scheduler may stop it; a member's training always runs to its end.
        late_tasks: post-hoc tasks whose metrics are objectives: computed by the trial itself when it is complete.
    """

    name: str
    spec: dict[str, Any]
    key: str
    fit_key: str
    data_key: str
    storage: str
    first_key: str = ""
    first_fit_key: str = ""
    lungs_key: str = ""
    parent: str = ""
    until: int = 0
    keep_every: int = 0
    threads: int = 1
    workers: int = 1
    gpus: float = 0.0
    memory_gb: float = 0.0
    micro_batches: int = 1
    weights_folder: str = ""
    schedules: bool = True
    late_tasks: tuple[dict[str, Any], ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """As a dictionary."""
        return asdict(self)

    def waits(self, report: Report) -> bool:
        """Whether the trial waits for its generation after this epoch."""
        return 0 < self.until <= report.epoch and not report.finished

    def first_stage(self) -> TrialJob:
        """The first stage as a trial of its own, which no scheduler stops and no task looks at."""
        spec: TrialSpec = from_plain(TrialSpec, self.spec)
        first = to_plain(spec.first_trial)
        stages = {"key": self.first_key, "fit_key": self.first_fit_key, "first_key": "", "first_fit_key": ""}
        return replace(self, spec=first, schedules=False, late_tasks=(), **stages)  # type: ignore[arg-type]
