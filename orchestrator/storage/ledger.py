"""What a sweep knows: its definition and one row for every trial and member, as JSON files in the store.

The ledger is the truth about a sweep: Tune and MLflow hold copies that are made from it. A row is one small file that is
replaced as a whole, so that a kill leaves the row before or the row after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from orchestrator.errors import StorageError
from orchestrator.storage.lock import SweepLock, holder_of
from orchestrator.storage.store import replace
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
    """

    epoch: int
    metrics: dict[str, float]
    best_epoch: int
    finished: bool
    seconds: dict[str, float] = field(default_factory=dict)
    time: float = 0.0
    micro_batches: int = 1


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


class Ledger:
    """The files of one sweep below `storage/sweeps/<name>`.

    Args:
        storage: the storage folder.
        name: name of the sweep.
    """

    def __init__(self, storage: Path | str, name: str) -> None:
        self.name = name
        self.folder = Path(storage).absolute() / "sweeps" / name

    @property
    def lock(self) -> SweepLock:
        """The lock that a driver takes."""
        return SweepLock(self.folder / "lock")

    def exists(self) -> bool:
        """Whether a sweep of that name was ever started here."""
        return (self.folder / "sweep.json").is_file()

    def definition(self) -> dict[str, Any]:
        """What the sweep was started with."""
        return _read(self.folder / "sweep.json")

    def write_definition(self, definition: dict[str, Any]) -> None:
        """Record what the sweep is started with."""
        replace(self.folder / "sweep.json", json.dumps(definition, indent=1, allow_nan=False))

    def forget(self) -> None:
        """Take back the definition of a sweep that could not begin."""
        (self.folder / "sweep.json").unlink(missing_ok=True)

    def rows(self) -> list[Row]:
        """All rows: trials by number, then members by number."""
        paths = [*sorted(self.folder.glob("rows/trial-*.json")), *sorted(self.folder.glob("rows/member-*.json"))]
        return [_row(_read(path)) for path in paths]

    def write_row(self, row: Row) -> None:
        """Record a row as it stands."""
        replace(self.folder / "rows" / f"{row.name}.json", json.dumps(asdict(row), allow_nan=False))

    def outcome(self) -> dict[str, Any]:
        """How the last driver ended: `{"state", "message", "time"}`; empty before the first end."""
        path = self.folder / "outcome.json"
        return _read(path) if path.is_file() else {}

    def write_outcome(self, state: SweepState, message: str = "") -> None:
        """Record how the driver ended."""
        replace(self.folder / "outcome.json", json.dumps({"state": state, "message": message, "time": time.time()}))

    def state(self) -> SweepState:
        """`running` while a driver lives, else what the last one left; a driver that died left it `interrupted`."""
        if holder_of(self.folder / "lock") is not None:
            return "running"
        state: SweepState = self.outcome().get("state", "interrupted")
        return "interrupted" if state == "running" else state

    def failures(self) -> dict[str, dict[str, Any]]:
        """Post-hoc tasks that failed, by key: `{"task", "members", "error", "time"}`."""
        return {path.stem: _read(path) for path in sorted(self.folder.glob("failures/*.json"))}

    def write_failure(self, key: str, failure: dict[str, Any]) -> None:
        """Record that a post-hoc task failed."""
        replace(self.folder / "failures" / f"{key}.json", json.dumps({**failure, "time": time.time()}))

    def clear_failure(self, key: str) -> None:
        """Forget a failure, because the task is tried again or has come through."""
        (self.folder / "failures" / f"{key}.json").unlink(missing_ok=True)

    def ensembles(self) -> dict[str, dict[str, Any]]:
        """Ensembles that were formed, by key: `{"task", "name", "members", "superseded"}`."""
        return {path.stem: _read(path) for path in sorted(self.folder.glob("ensembles/*.json"))}

    def write_ensemble(self, key: str, ensemble: dict[str, Any]) -> None:
        """Record an ensemble's members."""
        replace(self.folder / "ensembles" / f"{key}.json", json.dumps(ensemble))

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Evaluations on other data folders, by key; see `orchestrator.external.evaluation.Evaluation.to_plain`."""
        return {path.stem: _read(path) for path in sorted(self.folder.glob("evaluations/*.json"))}

    def write_evaluation(self, key: str, evaluation: dict[str, Any]) -> None:
        """Record an evaluation; its content is fixed by its key."""
        replace(self.folder / "evaluations" / f"{key}.json", json.dumps(evaluation, allow_nan=False))

    def explanations(self) -> dict[str, dict[str, Any]]:
        """Images of a user's own that were explained, by key; see `orchestrator.external.explanation.Explanation`."""
        return {path.stem: _read(path) for path in sorted(self.folder.glob("explanations/*.json"))}

    def write_explanation(self, key: str, explanation: dict[str, Any]) -> None:
        """Record an explanation; its content is fixed by its key."""
        replace(self.folder / "explanations" / f"{key}.json", json.dumps(explanation, allow_nan=False))

    def updated(self) -> float:
        """When anything was last written, seconds since 1970."""
        paths = [self.folder / "sweep.json", self.folder / "outcome.json", *self.folder.glob("rows/*.json")]
        return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def ledgers(storage: Path | str) -> Iterator[Ledger]:
    """The sweeps in a storage folder, the newest first."""
    found = [Ledger(storage, path.parent.name) for path in (Path(storage) / "sweeps").glob("*/sweep.json")]
    yield from sorted(found, key=lambda ledger: ledger.updated(), reverse=True)


def _row(plain: dict[str, Any]) -> Row:
    reports = [Report(**report) for report in plain.pop("reports")]
    return Row(**plain, reports=reports)


def _read(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}. Restore it, or delete the sweep.") from error
    return value
