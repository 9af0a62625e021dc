"""From a description to a row of the ledger, and from a row to the job that a worker gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from orchestrator.results import of_networks
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Row
from orchestrator.sweep.preparation import Preparation, named_folder
from orchestrator.trial import TrialJob, weights_folder
from search_spaces.objective import is_late
from search_spaces.sweep import Sweep
from trainables.spec import NetworkTask, TrialSpec, from_plain, posthoc_key, to_plain


def new_row(
    preparation: Preparation,
    kind: Literal["trial", "member"],
    number: int,
    spec: TrialSpec,
    *,
    parent: str = "",
    lineage: str = "",
) -> Row:
    """A row that nothing is known about but its description and keys.

    Args:
        preparation: gives the keys, with the data in the store.
        kind: `trial` or `member`.
        number: from 0 within its kind.
        spec: the description.
        parent: the epoch of another chain that the training goes on from.
        lineage: what stands in the key of a training that begins in a population.
    """
    keys = preparation.keys(spec, parent or lineage)
    return Row(
        kind=kind,
        number=number,
        spec=to_plain(spec),
        key=keys.network,
        fit_key=keys.fit,
        data_key=keys.data,
        first_key=keys.first.network if keys.first else "",
        first_fit_key=keys.first.fit if keys.first else "",
        lungs_key=keys.lungs,
        parent=parent,
    )


def missing_members(preparation: Preparation, rows: Iterable[Row], best: Row | None, seeds: int) -> list[Row]:
    """Rows of a configuration under further seeds, as far as there are none yet.

    Args:
        preparation: gives the keys.
        rows: those that there are.
        best: the configuration; None if no trial is complete.
        seeds: how many.
    """
    if best is None or seeds == 0:
        return []
    spec: TrialSpec = from_plain(TrialSpec, best.spec)
    members = [row for row in rows if row.kind == "member"]
    known = {row.key for row in members}
    wanted = [spec.with_seed(spec.seed + 1000 + n) for n in range(seeds)]
    made = [new_row(preparation, "member", len(members), each) for each in wanted]
    missing = [row for row in made if row.key not in known]
    for place, row in enumerate(missing):
        row.number = len(members) + place
    return missing


def job_of(row: Row, sweep: Sweep, storage: Storage, *, until: int = 0, keep_every: int = 0) -> TrialJob:
    """What a worker gets.

    Args:
        row: the trial or member.
        sweep: the experiment.
        storage: the storage folder.
        until: where a member of a population waits.
        keep_every: which states of it are kept.
    """
    late = [to_plain(task) for task in late_tasks(sweep)] if row.kind == "trial" else []
    return TrialJob(
        name=row.name,
        spec=row.spec,
        key=row.key,
        fit_key=row.fit_key,
        data_key=row.data_key,
        first_key=row.first_key,
        first_fit_key=row.first_fit_key,
        lungs_key=row.lungs_key,
        parent=row.parent,
        until=until,
        keep_every=keep_every,
        storage=str(storage),
        threads=sweep.resources.cpus,
        workers=sweep.resources.workers,
        gpus=sweep.resources.gpus,
        memory_gb=sweep.resources.memory_gb,
        weights_folder=named_folder(weights_folder()),
        schedules=row.kind == "trial",
        late_tasks=tuple(late),
    )


def late_tasks(sweep: Sweep) -> list[NetworkTask]:
    """Tasks whose metrics are objectives that are known only when a trial is complete."""
    prefixes = {each.metric.rsplit("/val/", 1)[0] for each in sweep.objectives if is_late(each.metric)}
    return [task for task in of_networks(sweep.posthoc) if task.name in prefixes]


def late_keys(sweep: Sweep, row: Row) -> Sequence[str]:
    """Keys of those tasks' results."""
    return [posthoc_key(task, [row.key]) for task in late_tasks(sweep)] if row.kind == "trial" else []
