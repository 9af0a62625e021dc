"""A sweep on several hosts that lose power, links and notice: `make test-lab` (with -s it prints moments and seconds)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.cluster import HEAD, Cluster
from tests.lab.sweeps import LabSweep, Start, assert_sound

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

TRAINING = ("fit",)
POSTHOC = ("evaluation", "temperature", "laplace", "aopc")
TWO = ("--address auto", "--concurrent 2")
NOTICE_SECONDS = 3
SECONDS_TO_WAKE_UP = 15


@pytest.fixture
def sweep(cluster: Cluster, request: pytest.FixtureRequest) -> LabSweep:
    begun = time.monotonic()
    cluster.restore()
    print(f"\n{request.node.name}: cluster ready after {time.monotonic() - begun:.0f} s")
    return LabSweep(cluster.head, cluster.lab.shared, request.node.name)


def begun_somewhere(
    sweep: LabSweep, kinds: tuple[str, ...], after_epochs: int
) -> Callable[[], tuple[Path, int] | None]:
    """An attempt that is under way on a worker: its folder and the number of the host."""

    def look() -> tuple[Path, int] | None:
        under_way = sweep.attempts(*kinds) if sweep.epochs() >= after_epochs else {}
        return next(((folder, int(said["host"][1:])) for folder, said in under_way.items()), None)

    return look


def begun_again(sweep: LabSweep, folder: Path) -> Callable[[], bool]:
    """Whether what an attempt was at is there, or under way in another one."""
    home = folder.parent
    return lambda: len(list(home.glob("attempt-*"))) > 1 or (home / "manifest.json").exists()


def finish(start: Start, sweep: LabSweep, calm: LabSweep) -> None:
    assert start.wait() == 0, start.said
    print(f"  whole sweep {start.seconds:.0f} s", end=";")
    assert_sound(sweep, calm)


def test_an_undisturbed_sweep_uses_every_worker_and_not_the_head(sweep: LabSweep, calm: LabSweep) -> None:
    start = sweep.start(*TWO)
    finish(start, sweep, calm)
    hosts = {said["host"] for said in sweep.attempts("fit", "network", *POSTHOC, open_only=False).values()}
    assert hosts == {"h2", "h3"}


def test_a_worker_loses_power_in_training(cluster: Cluster, sweep: LabSweep, calm: LabSweep) -> None:
    start = sweep.start(*TWO)
    folder, victim = start.until(begun_somewhere(sweep, TRAINING, after_epochs=3))
    cluster.lab.power_off(victim)
    lost = time.monotonic()
    start.until(begun_again(sweep, folder))
    print(f"  h{victim} off in {folder.parent.name} of a trial; begun again after {time.monotonic() - lost:.0f} s")
    finish(start, sweep, calm)
    assert "its node was lost" in start.said


def test_a_worker_loses_power_in_a_posthoc_task(cluster: Cluster, sweep: LabSweep, calm: LabSweep) -> None:
    start = sweep.start(*TWO)
    folder, victim = start.until(begun_somewhere(sweep, POSTHOC, after_epochs=20))
    cluster.lab.power_off(victim)
    lost = time.monotonic()
    start.until(begun_again(sweep, folder))
    print(f"  h{victim} off in {folder.parent.name}; begun again or there after {time.monotonic() - lost:.0f} s")
    finish(start, sweep, calm)


def test_a_link_is_cut_and_mended_while_the_other_side_still_writes(
    cluster: Cluster, sweep: LabSweep, calm: LabSweep
) -> None:
    start = sweep.start(*TWO)
    folder, victim = start.until(begun_somewhere(sweep, TRAINING, after_epochs=3))
    cluster.lab.cut(victim)
    lost = time.monotonic()
    start.until(lambda: (folder.parent / "manifest.json").exists(), 60)
    committed_by = json.loads((folder.parent / "manifest.json").read_text())["attempt"]
    print(
        f"  h{victim} cut off in {folder.parent.name}; that epoch was committed by {committed_by == folder.name and 'it'}",
        end=" ",
    )
    print(f"after {time.monotonic() - lost:.0f} s")
    following = folder.parent.with_name(f"epoch-{int(folder.parent.name.split('-')[1]) + 1:04d}")
    start.until(lambda: list(following.glob("attempt-*")), 300)
    print(f"  goes on elsewhere {time.monotonic() - lost:.0f} s after the cut", end=";")
    cluster.lab.mend(victim)
    finish(start, sweep, calm)
    assert "its node was lost" in start.said


def test_a_node_that_is_preempted_costs_its_trials_no_failure(
    cluster: Cluster, sweep: LabSweep, calm: LabSweep
) -> None:
    numbers = cluster.living_nodes()
    start = sweep.start(*TWO)
    _, victim = start.until(begun_somewhere(sweep, TRAINING, after_epochs=1))
    number = numbers[f"h{victim}"]
    notice = (
        f"--reason DRAIN_NODE_REASON_PREEMPTION --reason-message spot --deadline-remaining-seconds {NOTICE_SECONDS}"
    )
    cluster.head.run(
        f"ray drain-node --address {cluster.head.address}:6379 --node-id {number} {notice}", env=cluster.env
    )
    told = time.monotonic()
    time.sleep(NOTICE_SECONDS)
    cluster.lab.power_off(victim)
    print(f"  h{victim} drained, and off {time.monotonic() - told:.0f} s later", end=";")
    finish(start, sweep, calm)
    assert "its node was taken away" in start.said


def test_sigterm_to_a_worker_and_to_a_node(cluster: Cluster, sweep: LabSweep, calm: LabSweep) -> None:
    start = sweep.start(*TWO)
    folder, victim = start.until(begun_somewhere(sweep, TRAINING, after_epochs=2))
    number = json.loads((folder / "started.json").read_text())["pid"]
    cluster.lab.hosts[victim].run(f"kill -TERM {number}")
    lost = time.monotonic()
    start.until(begun_again(sweep, folder))
    print(f"  SIGTERM to a trial's worker on h{victim}; begun again or there after {time.monotonic() - lost:.0f} s")
    folder, victim = start.until(begun_somewhere(sweep, TRAINING, after_epochs=sweep.epochs() + 2))
    for process in cluster.lab.hosts[victim].processes("raylet/raylet"):
        process.terminate()
    lost = time.monotonic()
    start.until(begun_again(sweep, folder))
    print(f"  SIGTERM to Ray's node on h{victim}; begun again or there after {time.monotonic() - lost:.0f} s")
    finish(start, sweep, calm)


def test_the_head_loses_power_and_the_same_command_goes_on(cluster: Cluster, sweep: LabSweep, calm: LabSweep) -> None:
    start = sweep.start(*TWO)
    start.until(begun_somewhere(sweep, TRAINING, after_epochs=4))
    cluster.lab.power_off(HEAD)
    assert start.wait() != 0
    lost, epochs = time.monotonic(), sweep.epochs()
    cluster.restore()
    print(f"  head off after {epochs} epochs; cluster up again after {time.monotonic() - lost:.0f} s")
    start = sweep.start(*TWO)
    start.until(lambda: sweep.epochs() > epochs)
    print(f"  first new epoch {start.seconds:.0f} s after the same command", end=";")
    finish(start, sweep, calm)


def test_a_worker_that_wakes_up_after_it_was_given_up_commits_nothing(
    cluster: Cluster, sweep: LabSweep, calm: LabSweep
) -> None:
    """Frozen in the middle of an epoch and cut off, until another one has committed that epoch."""
    start = sweep.start(*TWO)

    def freeze() -> tuple[Path, int, int] | None:
        found = begun_somewhere(sweep, TRAINING, after_epochs=2)()
        if found is None:
            return None
        folder, number = found
        worker = int(json.loads((folder / "started.json").read_text())["pid"])
        cluster.lab.hosts[number].run(f"kill -STOP {worker}")
        if (folder.parent / "manifest.json").exists():
            cluster.lab.hosts[number].run(f"kill -CONT {worker}")
            return None
        return folder, number, worker

    folder, victim, worker = start.until(freeze)
    host, manifest = cluster.lab.hosts[victim], folder.parent / "manifest.json"
    for process in host.processes("raylet/raylet"):
        process.suspend()  # or it would end its workers when it finds itself cut off
    cluster.lab.cut(victim)
    lost = time.monotonic()
    start.until(manifest.exists, 300)
    committed = manifest.read_text()
    assert json.loads(committed)["attempt"] != folder.name
    print(
        f"  {folder.parent.name} frozen on h{victim}; committed elsewhere after {time.monotonic() - lost:.0f} s",
        end=";",
    )
    host.run(f"kill -CONT {worker}")
    time.sleep(SECONDS_TO_WAKE_UP)
    assert manifest.read_text() == committed
    assert [path.name for path in folder.iterdir()] == ["started.json"]
    for process in host.processes("raylet/raylet"):
        process.resume()
    cluster.lab.mend(victim)
    finish(start, sweep, calm)
    assert "its node was lost" in start.said
