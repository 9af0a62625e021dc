"""What every executor promises. The inline one and Ray pass the same tests; kills need processes, and are Ray's alone.

Ray takes seconds to start a worker, so three runs are recorded for each executor, and the tests look at the records.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.executors.protocol import FINISHED, WAIT, Executor
from orchestrator.executors.ray import RayExecutor
from orchestrator.posthoc import PosthocBatch, PosthocOutcome
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, stored_reports
from search_spaces.schedulers import Asha, HyperBand, MedianStopping, Scheduler
from search_spaces.sweep import Resources
from tests.orchestrator.executors.scripted import (
    Script,
    batch_of,
    collect_all,
    explosive,
    jobs_of,
    poor,
    scheduling,
    slow,
    small,
    weights,
    writers,
)
from trainables.spec import Aopc, Evaluation, Laplace, Stage, Temperature

ROOT = Path(__file__).resolve().parents[3]
ONE_CPU = Resources(cpus=1)


@pytest.fixture(scope="module")
def ray_executor() -> Iterator[RayExecutor]:
    """One Ray for the module, with a folder of its own; socket names must stay short."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        executor = RayExecutor()
        executor.start(concurrent=2, resources=ONE_CPU)
        executor.submit(PosthocBatch(jobs=(), storage=folder))  # has a worker import what tasks need
        yield executor
        executor.close()
    shutil.rmtree(folder, ignore_errors=True)


def inline_executor() -> InlineExecutor:
    executor = InlineExecutor()
    executor.start(concurrent=2, resources=ONE_CPU)
    return executor


@pytest.fixture(scope="module", params=["inline", pytest.param("ray", marks=pytest.mark.ray)])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = inline_executor() if request.param == "inline" else request.getfixturevalue("ray_executor")
    return found


@dataclass
class Recorded:
    """What became of a run."""

    storage: Path
    jobs: list[TrialJob]
    script: Script
    outcomes: list[PosthocOutcome] = field(default_factory=list)
    seconds_to_end: float = 0.0


@pytest.fixture(scope="module")
def mixed(executor: Executor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A good trial, one that diverges, a poor one, the poor one as a member, and a long member with tasks beside it."""
    storage = tmp_path_factory.mktemp("mixed")
    jobs = [
        *jobs_of(storage, [small(), explosive(), poor()]),
        *jobs_of(storage, [poor(seed=1), small(epochs=60, seed=2)], first=3, schedules=False),
    ]
    run = Recorded(storage, jobs, Script(jobs))

    def submit(name: str) -> None:
        if name == "trial-0000":
            refused = Laplace(hessian_structure="full", memory_bytes=1)
            executor.submit(batch_of(storage, jobs[0].key, Evaluation(), refused, Temperature()))

    run.script.when_ended = submit
    run.script.when_ticked = lambda: run.outcomes.extend(executor.collect())
    asha = Asha(grace_epochs=1, reduction_factor=2)
    executor.run(run.script, scheduling(asha, history=[("trial-0099", 1, 9.0)]))
    run.outcomes += collect_all(executor, 3 - len(run.outcomes))
    return run


@pytest.fixture(scope="module")
def interrupted(executor: Executor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Interrupted at the third report of trials that take longer."""
    storage = tmp_path_factory.mktemp("interrupted")
    jobs = jobs_of(storage, [slow(), slow(seed=1)])
    run = Recorded(storage, jobs, Script(jobs, interrupt_after=3))
    times: list[float] = []
    run.script.when_reported = lambda name, report: times.append(time.monotonic())
    executor.run(run.script, scheduling())
    run.seconds_to_end = time.monotonic() - times[2]
    return run


@pytest.fixture(scope="module")
def resumed(executor: Executor, interrupted: Recorded) -> Recorded:
    """The same trials again, one by one; a worker that has processes is killed in the middle of the first one."""
    before = {job.name: len(stored_reports(Store(interrupted.storage), job.fit_key)) for job in interrupted.jobs}
    run = Recorded(interrupted.storage, interrupted.jobs, Script(interrupted.jobs, one_by_one=True))
    run.script.committed_before = before
    killed: list[int] = []

    def kill(name: str, report: Report) -> None:
        if not killed and not report.finished and isinstance(executor, RayExecutor):
            job = next(job for job in run.jobs if job.name == name)
            killed.extend(writers(run.storage, f"{job.fit_key}/epoch-{report.epoch:04d}"))
            os.kill(killed[-1], signal.SIGKILL)

    run.script.when_reported = kill
    executor.run(run.script, scheduling())
    assert len(killed) == isinstance(executor, RayExecutor)
    return run


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The trials of `interrupted`, undisturbed."""
    storage = tmp_path_factory.mktemp("calm")
    jobs = jobs_of(storage, [slow(), slow(seed=1)])
    run = Recorded(storage, jobs, Script(jobs))
    inline_executor().run(run.script, scheduling())
    return run


def test_trials_report_epoch_by_epoch_and_finish(mixed: Recorded) -> None:
    assert mixed.script.epochs("trial-0000") == [1, 2, 3]
    assert mixed.script.epochs("trial-0004") == list(range(1, 61))
    assert mixed.script.endings["trial-0000"] == ("finished", "")
    assert Store(mixed.storage).exists(mixed.jobs[0].key)
    finished = [report.finished for name, report in mixed.script.reports if name == "trial-0000"]
    assert finished == [False, False, True]


def test_a_report_carries_what_the_store_has(mixed: Recorded) -> None:
    reports = [report for name, report in mixed.script.reports if name == "trial-0000"]
    assert reports == stored_reports(Store(mixed.storage), mixed.jobs[0].fit_key)


def test_a_trial_that_diverges_fails_alone_and_says_why(mixed: Recorded) -> None:
    ending, reason = mixed.script.endings["trial-0001"]
    assert ending == "failed"
    assert "diverged" in reason


def test_the_scheduler_judges_by_trials_of_earlier_starts_too(mixed: Recorded) -> None:
    assert mixed.script.epochs("trial-0002") == [1]
    assert mixed.script.endings["trial-0002"] == ("stopped", "")
    assert not Store(mixed.storage).exists(mixed.jobs[2].key)


@pytest.mark.parametrize("scheduler", [MedianStopping(min_trials=2), HyperBand(reduction_factor=2, brackets=2)])
def test_every_scheduler_stops_a_poor_trial_and_no_good_one(
    executor: Executor, scheduler: Scheduler, tmp_path: Path
) -> None:
    jobs = jobs_of(tmp_path, [poor(), small(epochs=2)], first=2)  # with HyperBand 0002 is in the first bracket
    script = Script(jobs)
    executor.run(script, scheduling(scheduler, history=[("trial-0096", 1, 2.0), ("trial-0098", 1, 2.5)]))
    assert script.endings == {"trial-0002": ("stopped", ""), "trial-0003": ("finished", "")}
    assert script.epochs("trial-0002") == [1]
    assert script.epochs("trial-0003") == [1, 2]


def test_a_trial_waits_where_its_generation_does_and_goes_on_from_there(executor: Executor, tmp_path: Path) -> None:
    """Also when it is asked for an epoch that it has: a worker that died after its last commit is started again."""
    (job,) = jobs_of(tmp_path, [small()])
    for until, epochs in ((1, [1]), (1, [1]), (4, [2, 3])):
        script = Script([replace(job, until=until, keep_every=1)])
        executor.run(script, scheduling())
        assert script.epochs(job.name) == epochs
        assert script.endings[job.name] == ("finished" if until == 4 else "stopped", "")


def test_a_member_is_never_stopped(mixed: Recorded) -> None:
    assert mixed.script.epochs("trial-0003") == [1, 2, 3]
    assert mixed.script.endings["trial-0003"] == ("finished", "")


def test_finished_is_the_last_thing_that_is_asked(mixed: Recorded) -> None:
    assert FINISHED in mixed.script.asked
    assert [name for name in mixed.script.asked if name != FINISHED] == [job.name for job in mixed.jobs]


def test_a_task_is_done_before_the_last_trial_ends(mixed: Recorded) -> None:
    store = Store(mixed.storage)
    done = [store.manifest(outcome.key).committed_at for outcome in mixed.outcomes if not outcome.error]
    assert len(done) == 2
    assert max(done) < max(report.time for _, report in mixed.script.reports)


def test_a_job_that_fails_leaves_the_others_of_its_batch(mixed: Recorded) -> None:
    outcomes = {str(outcome.task["kind"]): outcome for outcome in mixed.outcomes}
    assert "memory" in outcomes["laplace"].error
    assert outcomes["evaluation"].error == outcomes["temperature"].error == ""
    assert Store(mixed.storage).exists(outcomes["temperature"].key)


def test_a_source_without_trials_ends_at_once(executor: Executor) -> None:
    script = Script([])
    executor.run(script, scheduling())
    assert script.reports == []


def test_an_interrupt_before_the_first_trial_ends_the_run(executor: Executor, tmp_path: Path) -> None:
    script = Script(jobs_of(tmp_path, [small()]), interrupt_after=0)
    started = time.monotonic()
    executor.run(script, scheduling())
    assert time.monotonic() - started < 10
    assert script.asked == []
    assert script.reports == []


def test_an_interrupt_ends_the_run_soon_and_leaves_trials_unfinished(interrupted: Recorded) -> None:
    assert interrupted.seconds_to_end < 15
    assert interrupted.script.endings == {}
    assert len(stored_reports(Store(interrupted.storage), interrupted.jobs[0].fit_key)) > 0


def test_a_trial_goes_on_after_its_last_committed_epoch(resumed: Recorded) -> None:
    """Also one whose worker is killed: Tune starts it again, and the store says where it was."""
    for job in resumed.jobs:
        before, epochs = resumed.script.committed_before[job.name], resumed.script.epochs(job.name)
        assert resumed.script.endings[job.name] == ("finished", "")
        assert epochs == sorted(set(epochs))
        assert epochs[0] == min(before + 1, 6)
        assert epochs[-1] == 6
        assert len(stored_reports(Store(resumed.storage), job.fit_key)) == 6


def test_wait_is_asked_again(resumed: Recorded) -> None:
    assert WAIT in resumed.script.asked
    names = [name for name, _ in resumed.script.reports]
    assert names == sorted(names)


def test_interrupts_kills_and_executors_do_not_change_a_bit(resumed: Recorded, calm: Recorded) -> None:
    assert weights(resumed.storage, resumed.jobs) == weights(calm.storage, calm.jobs)


@pytest.mark.ray
def test_a_task_whose_worker_is_killed_is_tried_again(ray_executor: RayExecutor, calm: Recorded) -> None:
    batch = batch_of(calm.storage, calm.jobs[0].key, Temperature(), Aopc(images=90, cells=12))
    ray_executor.submit(batch)
    key = batch.jobs[1].key
    while not writers(calm.storage, key):
        time.sleep(0.01)
    os.kill(writers(calm.storage, key)[0], signal.SIGKILL)
    outcomes = collect_all(ray_executor, 2)
    assert [outcome.error for outcome in outcomes] == ["", ""]
    assert len(set(writers(calm.storage, key))) == 2
    assert len(writers(calm.storage, batch.jobs[0].key)) == 1  # what was committed is not computed again


def test_trials_that_share_a_first_stage_report_the_second_one_only(executor: Executor, tmp_path: Path) -> None:
    two = [replace(small(rate), first_stage=Stage(schedule=small().schedule)) for rate in (1e-2, 2e-2)]
    jobs = jobs_of(tmp_path, two)
    script = Script(jobs)
    executor.run(script, scheduling(Asha(grace_epochs=5, reduction_factor=2)))
    assert {ending for ending, _ in script.endings.values()} == {"finished"}
    for job in jobs:
        assert [epoch for epoch in script.epochs(job.name) if epoch] == [1, 2, 3]
        assert Store(tmp_path).manifest(job.key).meta["first_stage"] == jobs[0].first_key
    store = Store(tmp_path)
    steps = store.steps(jobs[0].first_fit_key)
    assert [len(list(store.attempts(step))) for step in steps] == [1, 1, 1]
