"""Trials of several workers: a Ray Train group inside a Tune trial, an epoch at a time.

Tune's own way to hear of such a group (`TuneReportCallback`) lets it run ahead of the scheduler; here the group waits at the
end of every epoch until Tune's next step, so that a stopped trial has trained what it has reported and no more. As a
worker of Tune's does, a group takes one trial after another: its processes take seconds to start.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray
from orchestrator.storage.ledger import Report
from orchestrator.trial import TrialJob

FOR_RAY_TRAIN = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # a worker imports torch first, which takes long on a busy machine
}
SECONDS_TO_HEAR = 1.0
SECONDS_TO_END = 20.0
SECONDS_FOR_THE_FIRST = 2.0
"""What all workers fail with at once, such as a loss that is not finite, is said by the first one."""
SECONDS_BEFORE_GIVING_UP = 24 * 3600
"""A worker waits for the first one while it evaluates, stores and computes objectives; a lost one is noticed at once."""


class GroupDied(RuntimeError):
    """A worker of the group has died without a word: Tune starts the trial again."""


class TrialFailed(RuntimeError):
    """A worker of the group has failed and said why."""


class Turns:
    """Between Tune's step and the first worker: whose turn it is, and what was said."""

    def __init__(self) -> None:
        self._turns: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def give(self, job: dict[str, Any] | None) -> None:
        """Ask for another epoch of a trial, or with None for the end."""
        await self._turns.put(job)

    async def wait(self) -> dict[str, Any] | None:
        """The trial of which another epoch is wanted, or None for the end; waits until that is known."""
        return await self._turns.get()

    async def say(self, what: dict[str, Any]) -> None:
        """Take a report or a failure."""
        await self._said.put(what)

    async def hear(self, timeout_seconds: float) -> dict[str, Any] | None:
        """The next thing that was said, None if there is nothing in time."""
        try:
            return await asyncio.wait_for(self._said.get(), timeout_seconds)
        except TimeoutError:
            return None


class WorkerGroup:
    """Workers that train together, one trial after another.

    Args:
        workers: how many there are.
        cpus, gpus: of each worker.
        folder: where Ray Train may write; nothing there is read.
    """

    def __init__(self, workers: int, *, cpus: int, gpus: float, folder: Path) -> None:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        for name, value in FOR_RAY_TRAIN.items():
            os.environ.setdefault(name, value)
        self._turns = ray.remote(num_cpus=0)(Turns).remote()
        asked = {"CPU": float(cpus), **({"GPU": gpus} if gpus else {})}
        self._trainer = TorchTrainer(
            _work,
            train_loop_config={"turns": self._turns},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus > 0, resources_per_worker=asked),
            torch_config=TorchConfig(
                backend="cpu:gloo,cuda:nccl" if gpus else "gloo", timeout_s=SECONDS_BEFORE_GIVING_UP
            ),
            run_config=RunConfig(
                name="workers", storage_path=str(folder), failure_config=FailureConfig(max_failures=0)
            ),
        )
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._fit, name="workers", daemon=True)
        self._thread.start()

    def step(self, job: TrialJob) -> Report:
        """Have the group take a trial an epoch further.

        Raises:
            TrialFailed: with what a worker has said.
            GroupDied: a worker is gone.
        """
        ray.get(self._turns.give.remote(job.to_plain()))
        said = self._hear()
        if said is not None and "lost" in said:  # by another worker, which may have said why
            said = self._hear(until_death=True) or said
        if said is None or "lost" in said:
            raise GroupDied(f"A worker of {job.name} died: {self._error or said}")
        if "failed" in said:
            raise TrialFailed(said["failed"])
        return Report(**said["report"])

    def end(self) -> None:
        """Let the workers go, and wait until they have gone."""
        ray.get(self._turns.give.remote(None))
        self._thread.join(SECONDS_TO_END)

    def _hear(self, *, until_death: bool = False) -> dict[str, Any] | None:
        """What is said next; None if the group has ended and nothing was. After a loss only another kind of word counts."""
        while True:
            alive = self._thread.is_alive()
            said: dict[str, Any] | None = ray.get(self._turns.hear.remote(SECONDS_TO_HEAR))
            if said is not None and not (until_death and "lost" in said):
                return said
            if not alive and said is None:
                return None

    def _fit(self) -> None:
        try:
            self._trainer.fit()
        except Exception as error:  # of a worker that has said so, or of one that has died
            self._error = error


def _work(config: dict[str, Any]) -> None:
    """What Ray Train runs in each worker."""
    from orchestrator.workers import follow, lead
    from trainables.data_parallel import Group, WorkerLost

    turns, group = config["turns"], Group.joined()
    try:
        if group.rank > 0:
            follow(group)
        else:
            lead(group, _orders(turns), lambda report: ray.get(turns.say.remote({"report": asdict(report)})))
    except Exception as failure:
        if group.rank > 0:
            time.sleep(SECONDS_FOR_THE_FIRST)
        kind = "lost" if isinstance(failure, WorkerLost) else "failed"
        told = f"{type(failure).__name__}: {failure}"
        ray.get(turns.say.remote({kind: told if group.rank == 0 else f"In worker {group.rank}: {told}"}))
        raise


def _orders(turns: Any) -> Iterator[TrialJob]:
    while (job := ray.get(turns.wait.remote())) is not None:
        yield TrialJob(**job)
