"""Whether ledger, store and tracking server tell the same story, and whether anything was computed twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from orchestrator.mending import damaged_keys
from orchestrator.results import network_tasks, objectives_of, tasks_of
from orchestrator.storage.ledger import Ledger, Row, ledgers
from orchestrator.storage.store import MissingArtifact, Store
from orchestrator.sweep.wanted import (
    LEAST_MEMBERS,
    baseline_jobs,
    ensemble_job,
    ensemble_members,
    maps_jobs,
    network_jobs,
)
from orchestrator.tracking.mirror import forget_arrival, pending
from orchestrator.tracking.protocol import KIND_TAG, LOOSE_KINDS, ModelRecord, RunRecord, Tracker
from trainables.spec import Ensemble, EnsembleMaps, PixelBaseline, PosthocSpec


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What is wrong with a sweep: keys of artifacts, ids of runs.

    Attributes:
        doubled_runs: keys that several runs have.
        orphaned_runs: ids of runs that stand for nothing in the ledger.
        orphaned_models: `name/version` of the sweep's registered versions whose run is gone.
        missing_runs: keys that no run has.
        missing_results: keys that a finished sweep wants, and that neither exist nor are recorded as failed.
        orphaned_results: keys of post-hoc results on networks that no sweep of the storage has.
        repeated_epochs: keys of epochs that were begun again after they were committed.
        trained_twice: keys of networks that were written again after they were committed.
        damaged: keys of artifacts whose files have another content than their manifests say, where contents were read.
        tracking_pending: why the tracking server lacks something; empty if it does not. No finding by itself.
    """

    doubled_runs: tuple[str, ...] = ()
    orphaned_runs: tuple[str, ...] = ()
    orphaned_models: tuple[str, ...] = ()
    missing_runs: tuple[str, ...] = ()
    missing_results: tuple[str, ...] = ()
    orphaned_results: tuple[str, ...] = ()
    repeated_epochs: tuple[str, ...] = ()
    trained_twice: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    tracking_pending: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not any(value for name, value in vars(self).items() if name != "tracking_pending")

    def to_json(self) -> dict[str, Any]:
        """As JSON values, `ok` first."""
        return {"ok": self.ok} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def audit(store: Store, ledger: Ledger, tracker: Tracker | None, *, contents: bool = False) -> Audit:
    """Check a sweep. Runs that are missing are sent by the sweep's next start.

    Args:
        store: of the storage folder.
        ledger: of the sweep.
        tracker: of the sweep, or None to leave the runs unchecked.
        contents: also read every file of the sweep's artifacts and compare its hash.

    Raises:
        TrackingError: the tracking server is away.
        StorageError: the ledger cannot be read.
    """
    rows = ledger.rows()
    records = tracker.runs() if tracker is not None else []
    models = tracker.models() if tracker is not None else []
    present = {run.key for run in records}
    expected = [ledger.name, *dict.fromkeys(row.key for row in rows), *ledger.ensembles()]
    missing = tuple(key for key in expected if key not in present) if tracker is not None else ()
    if missing:
        forget_arrival(ledger)
    return Audit(
        doubled_runs=tuple(key for key, count in Counter(run.key for run in records).items() if count > 1),
        orphaned_runs=tuple(_orphaned_runs(records, expected)),
        orphaned_models=tuple(_orphaned_models(models, records)),
        missing_runs=missing,
        missing_results=tuple(_missing_results(store, ledger, rows)),
        orphaned_results=tuple(_orphaned_results(store)),
        repeated_epochs=tuple(_repeated_epochs(store, rows)),
        trained_twice=tuple(
            key for key in dict.fromkeys(key for row in rows for key in row.trained) if _begun_again(store, key)
        ),
        damaged=tuple(damaged_keys(store, ledger)) if contents else (),
        tracking_pending=pending(ledger),
    )


def _orphaned_runs(records: Sequence[RunRecord], expected: Sequence[str]) -> Iterator[str]:
    for run in records:
        if run.key not in expected and run.tags.get(KIND_TAG) not in LOOSE_KINDS:
            yield run.run_id


def _orphaned_models(models: Sequence[ModelRecord], records: Sequence[RunRecord]) -> Iterator[str]:
    """Versions whose run is deleted or away: their files are gone, or go with the next `mlflow gc`."""
    present = {run.run_id for run in records}
    yield from (f"{each.name}/{each.version}" for each in models if each.run_id not in present)


def _missing_results(store: Store, ledger: Ledger, rows: Sequence[Row]) -> Iterator[str]:
    """A sweep that is not finished still computes."""
    if ledger.state() != "finished":
        return
    failed = ledger.failures()
    wanted = [key for key in dict.fromkeys(_wanted(ledger, rows)) if key not in failed]
    present = store.present(wanted)
    yield from (key for key in wanted if key not in present)


def _wanted(ledger: Ledger, rows: Sequence[Row]) -> Iterator[str]:
    definition = ledger.definition()
    yield from (row.key for row in rows if row.state == "completed")
    yield from (job.key for job in network_jobs(rows, network_tasks(definition), stopped_too=False))
    baselines = [task for task in tasks_of(definition) if isinstance(task, PixelBaseline)]
    yield from (job.key for job in baseline_jobs(rows, baselines))
    maps = [task for task in tasks_of(definition) if isinstance(task, EnsembleMaps)]
    yield from (job.key for job in maps_jobs(maps, rows, objectives_of(definition)[0]))
    for task in tasks_of(definition):
        if isinstance(task, Ensemble):
            members = ensemble_members(task, rows, objectives_of(definition)[0])
            if len(members) >= LEAST_MEMBERS:
                yield ensemble_job(task, members, network_tasks(definition)).key


def _orphaned_results(store: Store) -> Iterator[str]:
    networks = {
        key
        for ledger in ledgers(store.root)
        for row in ledger.rows()
        for key in (row.network, *row.trained, row.data_key)
    }
    for kind in (option.kind for option in get_args(PosthocSpec)):
        for key in store.keys(kind):
            members = store.manifest(key).meta.get("members", ())
            if not networks.issuperset(members):
                yield key


def _repeated_epochs(store: Store, rows: Sequence[Row]) -> Iterator[str]:
    for fit_key in dict.fromkeys(key for row in rows for key in row.chains):
        yield from (step for step in store.steps(fit_key) if _begun_again(store, step))


def _begun_again(store: Store, key: str) -> bool:
    """Whether an attempt was begun after another one was committed.

    Two workers that began before either committed are no finding: one of them was cut off, and given up.
    """
    try:
        committed = store.manifest(key)
    except MissingArtifact:
        return False
    return any(started > committed.committed_at for name, started in store.attempts(key) if name != committed.attempt)
