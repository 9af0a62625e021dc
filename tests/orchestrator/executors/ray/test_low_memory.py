"""Ray's memory monitor ends workers; sweeps go on. What Ray says is planted, in Ray's own errors."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.air.execution._internal.actor_manager import RayActorManager

from orchestrator.executors.ray import RayExecutor
from orchestrator.executors.ray.adapters import Listener
from orchestrator.executors.ray.low_memory import MOST_RESTARTS, count_as_deaths, is_low_memory
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from search_spaces.sweep import Resources
from tests.orchestrator.executors.scripted import Script, jobs_of, scheduling, slow, small, weights

ROOT = Path(__file__).resolve().parents[4]
KILLED = ray.exceptions.OutOfMemoryError("1 worker(s) were killed due to the node running low on memory. IP 127.0.0.1")

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    folder = tempfile.mkdtemp(prefix="m", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        made = RayExecutor()
        made.start(concurrent=2, resources=Resources())
        yield made
        made.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_tune_dies_of_it_and_the_trials_go_on_in_another_one(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Tune 2.60 does it: a RuntimeError out of its loop, here at the second report."""
    jobs = jobs_of(tmp_path / "hit", [slow(epochs=3), slow(epochs=3, seed=1), small(seed=2)])
    script = Script(jobs)
    told = Listener.on_step_end
    crashes: list[int] = []

    def crash(self: Listener, *args: Any, **info: Any) -> None:
        told(self, *args, **info)
        if len(crashes) < 2 and len(script.reports) > 2 * len(crashes):
            crashes.append(len(script.reports))
            raise RuntimeError(f"Caught unexpected exception: {KILLED}") from KILLED

    monkeypatch.setattr(Listener, "on_step_end", crash)
    executor.run(script, scheduling())
    assert len(crashes) == 2
    assert {ending for ending, _ in script.endings.values()} == {"finished"}
    assert len(script.endings) == 3
    assert len({name for name in script.asked if name.startswith("trial")}) == 3
    calm = jobs_of(tmp_path / "calm", [slow(epochs=3), slow(epochs=3, seed=1), small(seed=2)])
    monkeypatch.setattr(Listener, "on_step_end", told)
    executor.run(Script(calm), scheduling())
    assert weights(tmp_path / "hit", jobs) == weights(tmp_path / "calm", calm)


def test_a_tune_that_dies_of_it_always_is_not_started_for_ever(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    starts: list[int] = []

    class Dying:
        def fit(self) -> None:
            starts.append(1)
            raise RuntimeError(f"Caught unexpected exception: {KILLED}")

    monkeypatch.setattr(executor, "_tuner", lambda *_: Dying())
    with pytest.raises(RuntimeError, match="low on memory"):
        executor.run(Script([]), scheduling())
    assert len(starts) == MOST_RESTARTS + 1


def test_a_worker_that_it_ended_is_a_worker_that_died_and_the_next_one_cuts_its_batches(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray's error is planted where Tune takes it from; the trial beside it is untouched."""
    jobs = jobs_of(tmp_path, [slow(epochs=3), slow(epochs=3, seed=1)])
    planted: list[str] = []
    count_as_deaths()
    resolved = RayActorManager._actor_task_resolved

    def plant(manager: Any, tracked_actor_task: Any, result: Any) -> None:
        name = result.get("config", {}).get("job", {}).get("name") if isinstance(result, dict) else None
        if name == "trial-0000" and not planted:
            planted.append(name)
            manager._actor_task_failed(tracked_actor_task, KILLED)
        else:
            resolved(manager, tracked_actor_task, result)

    monkeypatch.setattr(RayActorManager, "_actor_task_resolved", plant)
    script = Script(jobs)
    executor.run(script, scheduling())
    assert planted
    assert {ending for ending, _ in script.endings.values()} == {"finished"}
    parts = {job.name: [report.micro_batches for name, report in script.reports if name == job.name] for job in jobs}
    assert parts["trial-0000"][-1] == 2
    assert set(parts["trial-0001"]) == {1}
    assert all(Store(tmp_path).exists(job.key) for job in jobs)


def test_a_trial_of_a_shared_gpu_that_has_too_little_gets_twice_its_share(tmp_path: Path) -> None:
    """Ray's fake GPUs: two trials at a time on one, each of which sees it; one of them needs a whole one."""
    folder = tempfile.mkdtemp(prefix="g", dir="/tmp")
    jobs = [replace(job, weights_folder=str(tmp_path)) for job in jobs_of(tmp_path, [small(seed=n) for n in range(3)])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        executor = RayExecutor(make_trial=OnGpu, gpus=1)
        ray.shutdown()
        try:
            assert executor.start(concurrent=None, resources=Resources(gpus=0.5, measured=("gpus",))) == 2
            script = Script(jobs)
            executor.run(script, scheduling())
        finally:
            executor.close()
    shutil.rmtree(folder, ignore_errors=True)
    assert {ending for ending, _ in script.endings.values()} == {"finished"}
    seen = {path.name: path.read_text().split() for path in tmp_path.glob("seen-*")}
    assert len({seen[f"seen-trial-000{number}-0"][2] for number in range(2)}) == 2  # two workers at once
    assert [devices for devices, _, _ in seen.values()] == ["0"] * len(seen)
    assert {name: share for name, (_, share, _) in seen.items()} == {
        "seen-trial-0000-0": "0.5",
        "seen-trial-0001-0": "0.5",
        "seen-trial-0002-0": "0.5",
        "seen-trial-0002-1": "1.0",
    }


class OnGpu:
    """A trial that writes down which GPU it has, and whose third one has room only on a whole one."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def step(self) -> Report:
        (pool,) = (ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0),)
        folder = Path(self._job.weights_folder)
        number = len(list(folder.glob(f"seen-{self._job.name}-*")))
        note = f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {pool} {os.getpid()}"
        (folder / f"seen-{self._job.name}-{number}").write_text(note)
        if self._job.name == "trial-0002" and pool < 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return Report(epoch=1, metrics={"val/nll": 1.0}, best_epoch=1, finished=True)


def test_what_ray_says_is_understood() -> None:
    wrapped = RuntimeError("TuneError")
    wrapped.__cause__ = KILLED
    assert is_low_memory(KILLED)
    assert is_low_memory(wrapped)
    assert not is_low_memory(RuntimeError("CUDA out of memory"))
