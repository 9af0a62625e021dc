"""Whose fault a dead worker is: what Ray says, in Ray's own words; the lab has the nodes that really go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.executors.ray.adapters import Listener
from orchestrator.executors.ray.losses import MOST_NODE_LOSSES, NodeLosses
from orchestrator.executors.ray.messages import to_log

DIED = "The actor died unexpectedly before finishing this task.\n\tclass_name: StoredTrial\n"
NODE = (
    DIED + "The actor died because its node has died. Node Id: 8e30\n\tthe actor's node was terminated unexpectedly: "
)
LOST = NODE + "health check failed due to missing too many heartbeats"
PREEMPTED = NODE + "the node was preempted: spot"
KILLED = DIED + "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"


class FakeTrial:
    """A Tune trial as far as the listener looks at it; every failure is appended to its file, as Tune does."""

    def __init__(self, folder: Path) -> None:
        self.error_file = str(folder / "error.txt")
        self.config = {"job": {"name": "trial-0001"}}
        self.run_metadata = SimpleNamespace(num_failures=0)

    @property
    def num_failures(self) -> int:
        return int(self.run_metadata.num_failures)

    def fail(self, listener: Listener, error: str) -> None:
        self.run_metadata.num_failures += 1
        with Path(self.error_file).open("a") as file:
            file.write(f"Failure # {self.num_failures} (occurred at now)\n{error}\n")
        listener.on_trial_recover(0, [], self)


def listener() -> Listener:
    source: Any = None
    return Listener(source, NodeLosses())


def test_only_deaths_of_its_own_count_against_a_trial(tmp_path: Path) -> None:
    trial, hears = FakeTrial(tmp_path), listener()
    for error, counted in ((LOST, 0), (KILLED, 1), (LOST, 1), (PREEMPTED, 1), (KILLED, 2)):
        trial.fail(hears, error)
        assert trial.num_failures == counted


def test_what_happened_to_a_node_is_said_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trial, hears = FakeTrial(tmp_path), listener()
    trial.fail(hears, LOST)
    trial.fail(hears, PREEMPTED)
    trial.fail(hears, KILLED)
    said = [record.message.split(".")[0] for record in caplog.records]
    assert said == ["trial-0001: its node was lost", "trial-0001: its node was taken away"]


def test_a_trial_that_takes_node_after_node_with_it_ends_some_time() -> None:
    losses = NodeLosses()
    assert [losses.forgive("trial-0001", LOST) for _ in range(MOST_NODE_LOSSES + 1)] == [True] * MOST_NODE_LOSSES + [
        False
    ]
    assert losses.forgive("trial-0002", LOST)


def test_a_task_whose_node_died_is_forgiven_and_one_whose_worker_died_is_not() -> None:
    losses = NodeLosses()
    assert losses.forgive("posthoc", "NodeDiedError: the node it was running on is dead or unavailable")
    assert not losses.forgive("posthoc", "WorkerCrashedError: The worker died unexpectedly while executing this task.")


def test_messages_of_the_cluster_are_a_line_on_the_log_and_nothing_on_stdout(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("INFO"):
        to_log({"lines": ["Raylet is terminated.\n  *** StackTrace ***\n  frame"], "pid": "raylet", "is_err": False})
    assert [record.message for record in caplog.records] == ["Ray: Raylet is terminated."]
    assert capsys.readouterr().out == ""
