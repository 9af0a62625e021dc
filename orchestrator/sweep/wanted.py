"""Which post-hoc results a sweep wants: trials by tasks, and groups of members by ensembles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.posthoc import PosthocJob
from orchestrator.results import best_row, objective_value, wanted_tasks
from orchestrator.storage.ledger import Row
from orchestrator.trial import TrialJob
from search_spaces.objective import Objective
from search_spaces.pooled import require_pooled
from trainables.spec import Ensemble, EnsembleMaps, NetworkTask, PixelBaseline, posthoc_key, to_plain
from trainables.spec.among import is_among

LEAST_MEMBERS = 2


def network_jobs(
    rows: Iterable[Row], tasks: Sequence[NetworkTask], *, stopped_too: bool, storage: str = ""
) -> list[PosthocJob]:
    """One job for every task of every complete network; trials that drew the same network share it.

    Networks that a task is not defined for are left out (`why_undefined`).

    With `stopped_too` also for the networks that stopped trials had by then; these are made in the `storage` folder when
    the first task needs them.
    """
    jobs: dict[str, PosthocJob] = {}
    for row in rows:
        if row.state == "completed" or (stopped_too and row.state == "stopped"):
            stopped = (_stopped_trial(row, storage), len(row.reports)) if row.state == "stopped" else None
            for task in wanted_tasks(tasks, row):
                key = posthoc_key(task, [row.network])
                jobs[key] = PosthocJob(key=key, task=to_plain(task), members=(row.network,), stopped=stopped)
    return list(jobs.values())


def _stopped_trial(row: Row, storage: str) -> TrialJob:
    return TrialJob(
        name=row.name,
        spec=row.spec,
        key=row.network,
        fit_key=row.fit_key,
        data_key=row.data_key,
        first_key=row.first_key,
        first_fit_key=row.first_fit_key,
        lungs_key=row.lungs_key,
        storage=storage,
    )


def baseline_jobs(rows: Iterable[Row], tasks: Sequence[PixelBaseline]) -> list[PosthocJob]:
    """One job for every baseline and data set of a completed trial."""
    data_keys = dict.fromkeys(row.data_key for row in rows if row.state == "completed")
    return [
        PosthocJob(key=posthoc_key(task, [data_key]), task=to_plain(task), members=(data_key,))
        for data_key in data_keys
        for task in tasks
    ]


def ensemble_members(task: Ensemble | EnsembleMaps, rows: Sequence[Row], objective: Objective) -> list[str]:
    """Keys of an ensemble's networks; fewer than two mean that it cannot be formed.

    `seeds` takes the best configuration and its further seeds, `top` the best trials by the objective on val. Of `greedy` and
    `diverse` these are the candidates, every complete trial: the task itself chooses, because it reads their predictions.
    Trials that did not draw the task's `among` are no members.
    """
    rows = [row for row in rows if is_among(task.among, row.params)]
    if isinstance(task, Ensemble) and task.selects:
        return list(dict.fromkeys(row.key for row in rows if row.kind == "trial" and row.state == "completed"))
    if task.members == "seeds":
        best = best_row(rows, objective)
        chosen = [best.key, *(row.key for row in rows if best and is_seed_of(row, best))] if best else []
    else:
        scored = [(value, row) for row in rows if (value := objective_value(row, objective)) is not None]
        ranked = sorted(scored, key=lambda pair: (objective.signed(pair[0]), pair[1].number))
        chosen = [row.key for _, row in ranked]
    return list(dict.fromkeys(chosen))[: task.size]


def maps_jobs(tasks: Sequence[EnsembleMaps], rows: Sequence[Row], objective: Objective) -> list[PosthocJob]:
    """One job for the maps of every ensemble that can be formed; its networks are those that an `Ensemble` would take."""
    found = [(task, ensemble_members(task, rows, objective)) for task in tasks]
    return [
        PosthocJob(key=posthoc_key(task, members), task=to_plain(task), members=tuple(members))
        for task, members in found
        if len(members) >= LEAST_MEMBERS
    ]


def is_seed_of(row: Row, best: Row) -> bool:
    """Whether a row is a complete member of the best configuration, and not of one that was best before an extension."""
    same = {**row.spec, "seed": 0} == {**best.spec, "seed": 0}
    return row.kind == "member" and row.state == "completed" and same


def ensemble_job(task: Ensemble, members: Sequence[str], tasks: Sequence[NetworkTask] = ()) -> PosthocJob:
    """The job of an ensemble.

    Args:
        task: the ensemble.
        members: keys of its networks.
        tasks: those that every network gets, among them the one that the ensemble is `of`.

    Raises:
        ValueError: the ensemble is of a task that is not there.
    """
    if not task.of:
        return PosthocJob(key=posthoc_key(task, members), task=to_plain(task), members=tuple(members))
    pooled = require_pooled(task, tasks)
    inputs = tuple(posthoc_key(pooled, [member]) for member in members)
    return PosthocJob(key=posthoc_key(task, inputs), task=to_plain(task), members=tuple(members), inputs=inputs)
