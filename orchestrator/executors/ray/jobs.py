"""Sweeps as Ray jobs: the driver runs on the cluster's head, and the one who asked for it may close the laptop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import MachineError

OVER = ("SUCCEEDED", "FAILED", "STOPPED")
SECONDS_WITHOUT_ANSWER = 60.0
SECONDS_TO_END = 20
"""From SIGTERM to SIGKILL when a job is stopped: a driver ends in order within seconds; Ray's own 3 can be too few."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the cluster tells it.

    Attributes:
        name: its submission id.
        state: `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED` or `STOPPED`.
        command: what runs.
        message: what Ray says about its state.
        started, ended: seconds since 1970; 0 where that has not happened.
    """

    name: str
    state: str
    command: str
    message: str
    started: float
    ended: float


class Jobs:
    """The jobs of a cluster.

    Args:
        address: of the dashboard on the cluster's head, `http://127.0.0.1:8265` there or through a tunnel.

    Raises:
        MachineError: nothing answers there, or it refuses.
    """

    def __init__(self, address: str) -> None:
        from ray.job_submission import JobSubmissionClient

        self._address = address
        self._client: Any = self._asked(lambda: JobSubmissionClient(address))

    def submit(self, command: str, *, prefix: str) -> str:
        """Start a command on the head, and return its submission id: a name that no other job has or had."""
        name = unique_name(prefix)
        patient = {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(SECONDS_TO_END)}}
        self._asked(lambda: self._client.submit_job(entrypoint=command, submission_id=name, runtime_env=patient))
        return name

    def stop(self, name: str) -> Job:
        """Have a job end in order, and kill it when it does not within some seconds; the sweep can go on later."""
        self._known(name)
        self._asked(lambda: self._client.stop_job(name))
        return self._known(name)

    def one(self, name: str) -> Job:
        """A job by its submission id.

        Raises:
            ValueError: there is none of that name; the message names those that there are.
        """
        return self._known(name)

    def all(self) -> list[Job]:
        """Every job that was submitted, the newest last."""
        told = self._asked(lambda: self._client.list_jobs())
        return sorted((_job(each) for each in told if each.submission_id), key=lambda job: job.started)

    def follow(self, name: str, write: Callable[[str], None], *, pause_seconds: float = 1.0) -> Job:
        """Pass on what a job prints until it is over. The job does not notice when this is broken off.

        A pause of the network is waited out: what was printed meanwhile follows.
        """
        seen, failures = 0, 0
        while True:
            try:
                job = self._known(name)
                printed = self._asked(lambda: self._client.get_job_logs(name))
            except MachineError:
                failures += 1
                if failures * pause_seconds > SECONDS_WITHOUT_ANSWER:
                    raise
            else:
                failures = 0
                write(printed[seen:])
                seen = len(printed)
                if job.state in OVER:
                    return job
            time.sleep(pause_seconds)

    def _known(self, name: str) -> Job:
        known = {job.name: job for job in self.all()}
        if name not in known:
            there = f"There are: {', '.join(known)}." if known else "No job was submitted to this cluster yet."
            raise ValueError(f"There is no job {name!r} at {self._address}. {there}")
        return known[name]

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (ConnectionError, RuntimeError, OSError) as error:
            said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise MachineError(
                f"The cluster's dashboard at {self._address} does not do it: {said} Is the cluster up (ray up cluster.yaml), "
                "is the tunnel open (ray dashboard cluster.yaml), and does this machine have the cluster's token "
                "(RAY_AUTH_MODE=token, ~/.ray/auth_token)?"
            ) from None


def unique_name(prefix: str) -> str:
    """A submission id: Ray never takes one twice, not even after the job is over."""
    return f"{prefix}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def _job(told: Any) -> Job:
    return Job(
        name=str(told.submission_id),
        state=str(getattr(told.status, "value", told.status)),
        command=str(told.entrypoint),
        message=str(told.message or ""),
        started=(told.start_time or 0) / 1000,
        ended=(told.end_time or 0) / 1000,
    )
