"""The real command killed at random moments: `make test-kill` (with -s it prints seeds, moments and seconds).

ORCHESTRATOR_KILL_SEED repeats the moments of a run, ORCHESTRATOR_KILLS=20 asks for so many of them. Each is given a phase (start-up,
training, between trials, post-hoc tasks, members, ensembles), and sent some random seconds after that was seen. Only processes
that carry the test's own folder are ever touched.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from orchestrator.executors.ray.scratch import Scratch
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.lock import holder_of
from orchestrator.storage.store import Store
from tests.orchestrator.executors.scripted import writers
from tests.orchestrator.sweep.phases import PHASES, Phase, View, on_now, rounds, table, wait_for
from tests.orchestrator.sweep.real_process import NAME, SEEDS, TRIALS, Sandbox, Start, alive, seconds_until

pytestmark = [
    pytest.mark.kill,
    pytest.mark.ray,
    pytest.mark.timeout(900 + 60 * int(os.environ.get("ORCHESTRATOR_KILLS", "6"))),
]

KILLS = int(os.environ.get("ORCHESTRATOR_KILLS", "6"))


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = int(os.environ.get("ORCHESTRATOR_KILL_SEED", time.time_ns() % 1_000_000))
    print(f"\nORCHESTRATOR_KILL_SEED={chosen}")
    return chosen


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sweep, undisturbed but for a second driver that tries to take it."""
    made = Sandbox(tmp_path_factory.mktemp("calm"))
    begun = time.monotonic()
    first = made.start()
    first.wait_until(lambda: bool(Ledger(made.storage, NAME).rows()))
    second = made.start()
    assert second.wait() == 3, second.said
    assert f"is run by process {first.process.pid} on " in second.said
    assert first.wait() == 0, first.said
    print(f"\ncalm: {made.moment()}; {time.monotonic() - begun:.0f} s")
    yield made
    made.close()


def assert_sound(sandbox: Sandbox, calm: Sandbox) -> None:
    """Complete, nothing computed twice, no run doubled, and the networks as in an undisturbed sweep bit for bit."""
    found = sandbox.audit()
    assert found["ok"], found
    assert sandbox.doubled_runs() == []
    ledger = Ledger(sandbox.storage, NAME)
    assert ledger.state() == "finished"
    assert sum(row.kind == "trial" for row in ledger.rows()) == TRIALS
    assert sum(row.kind == "member" and row.state == "completed" for row in ledger.rows()) >= SEEDS
    for row in ledger.rows():
        assert [report.epoch for report in row.reports] == list(range(1, len(row.reports) + 1))
    here, there = sandbox.weights(), calm.weights()
    shared = set(here) & set(there)
    assert shared
    assert {key: here[key] for key in shared} == {key: there[key] for key in shared}
    print(f"  sound: {len(shared)} networks of {len(here)} are also in the calm sweep, bit for bit")


def kill_and_start_again(sandbox: Sandbox, running: Start) -> tuple[Start, float]:
    """kill -9 of the driver's group, and the same command at once.

    Returns:
        The new start, and the seconds for which a process of the killed one lived on.
    """
    left = [process for process in sandbox.processes() if process.pid != running.process.pid]
    running.kill()
    begun = sandbox.start()
    lived = seconds_until(
        lambda: not alive(left), seconds=90
    )  # one that computes notices its end late on a busy machine
    begun.since = time.time()  # what is begun from now on is its own: it takes longer to come to its first epoch
    return begun, lived


def test_a_second_driver_is_refused_and_a_task_is_done_before_the_last_trial_ends(calm: Sandbox) -> None:
    store, rows = Store(calm.storage), Ledger(calm.storage, NAME).rows()
    first_result = min(store.manifest(key).committed_at for key in store.keys("temperature"))
    assert first_result < max(row.ended for row in rows)
    assert calm.audit()["ok"]


def test_a_driver_killed_at_random_moments_of_every_phase_goes_on_to_a_sound_end(
    calm: Sandbox, tmp_path: Path, seed: int
) -> None:
    chosen = rounds(KILLS, random.Random(seed))
    seconds = first_epoch_begun(calm) - calm.starts[0].since
    hits: Counter[str] = Counter()
    told: list[tuple[str, ...]] = [("wanted", "after s", "hit", "where the sweep was", "its workers lived s")]
    for number, phases in enumerate(chosen):
        sandbox = Sandbox(tmp_path / str(number))
        try:
            kill_in(phases, sandbox, f"{seed}/{number}", seconds, hits, told)
            assert_sound(sandbox, calm)
            Scratch(sandbox.temporary).remove()  # as the next search does: the last start had none
            assert [path.name for path in sandbox.temporary.glob("orchestrator-tune-*")] == []
        finally:
            sandbox.close()
            print(f"\n{table(told)}")
    print(", ".join(f"{phase.name}: {hits[phase.name]}" for phase in PHASES))
    wanted = {phase.name for phases in chosen for phase in phases}
    assert [name for name in wanted if not hits[name]] == []


def kill_in(
    phases: Sequence[Phase],
    sandbox: Sandbox,
    seed: str,
    starts_up_seconds: float,
    hits: Counter[str],
    told: list[tuple[str, ...]],
) -> None:
    """One sweep to its end, killed in each of the phases; what was hit is counted and told."""
    running = sandbox.start()
    for phase in phases:
        view = View(sandbox.storage, running.since)
        draw = random.Random(f"{seed}/{phase.name}")
        pause = wait_for(phase, view, running, draw, starts_up_seconds=starts_up_seconds)
        if pause is None:
            told.append((phase.name, "-", "over before", sandbox.moment(), "-"))
            break  # the rest comes still later
        hit, moment = on_now(view), sandbox.moment()
        running, orphans = kill_and_start_again(sandbox, running)
        hits.update(hit)
        told.append((phase.name, f"{pause:.2f}", ", ".join(hit), moment, f"{orphans:.1f}"))
    assert running.wait() == 0, running.said
    assert seconds_until(lambda: not sandbox.processes()) < 30


def first_epoch_begun(sandbox: Sandbox) -> float:
    """Seconds since 1970."""
    notes = (sandbox.storage / "artifacts" / "fit").rglob("started.json")
    return min(float(json.loads(note.read_text())["started_at"]) for note in notes)


def test_signals_end_it_in_order_and_the_next_start_goes_on(calm: Sandbox, sandbox: Sandbox) -> None:
    epochs = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        running = sandbox.start()
        running.wait_for(epochs + 3)
        begun = time.monotonic()
        if number == signal.SIGINT:
            running.signal_group(number)
        else:
            running.process.send_signal(number)
        code = running.wait(90)
        print(f"\n{number.name} at {sandbox.moment()}: exit {code} after {time.monotonic() - begun:.1f} s", end="")
        assert code == 130, running.said
        assert "Interrupted, " in running.said
        assert " left. The same command goes on." in running.said
        assert "Traceback" not in running.said
        assert Ledger(sandbox.storage, NAME).state() == "interrupted"
        assert not alive(sandbox.processes()) or seconds_until(lambda: not sandbox.processes()) < 30
        epochs = sandbox.committed()
    running = sandbox.start()
    running.wait_for(epochs + 3)
    running.signal_group(signal.SIGINT)
    time.sleep(0.3)
    begun = time.monotonic()
    running.signal_group(signal.SIGINT)
    assert running.wait(10) == 130
    took = time.monotonic() - begun
    gone = seconds_until(lambda: not sandbox.processes())
    print(f"\nSIGINT twice: exit 130 after {took:.1f} s, Ray gone after {gone:.1f} s")
    assert took < 2
    assert gone < 30
    running = sandbox.start()
    running.wait_until(lambda: len(find_trial_workers(sandbox)) > 0)
    worker = find_trial_workers(sandbox)[0]
    worker.kill()
    print(f"kill -9 of worker {worker.pid} at {sandbox.moment()}")
    assert running.wait() == 0, running.said
    assert_sound(sandbox, calm)


def test_the_process_that_sends_runs_does_not_outlive_a_killed_driver(sandbox: Sandbox) -> None:
    """Two that write at the same time would double runs; only the driver itself is killed here, not its group."""
    running = sandbox.start()
    mirrors: list[psutil.Process] = []

    def started() -> bool:
        mirrors[:] = [each for each in sandbox.processes() if "orchestrator.mirroring" in each.cmdline()]
        return bool(mirrors)

    running.wait_until(started)
    assert len(mirrors) == 1
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    took = seconds_until(lambda: not alive(mirrors), seconds=10)
    print(f"\nthe mirror, process {mirrors[0].pid}, ended {took:.2f} s after its driver")
    assert seconds_until(lambda: not sandbox.processes(), seconds=60) < 60


def find_trial_workers(sandbox: Sandbox) -> list[psutil.Process]:
    """Living processes that began an epoch which is not committed."""
    mine = {process.pid: process for process in sandbox.processes()}
    begun = [path.parent.parent for path in (sandbox.storage / "artifacts" / "fit").rglob("started.json")]
    open_steps = {step for step in begun if not (step / "manifest.json").exists()}
    numbers = [pid for step in open_steps for pid in writers(sandbox.storage, f"{step.parent.name}/{step.name}")]
    return [mine[pid] for pid in numbers if pid in mine]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_ends_it_soon(sandbox: Sandbox, seed: int, number: signal.Signals) -> None:
    draw = random.Random(seed + number)
    for seconds in (draw.uniform(0.0, 1.0), draw.uniform(1.0, 8.0)):
        running = sandbox.start()
        running.wait_until(sandbox.storage.is_dir)  # before its own first lines run, Python itself answers signals
        time.sleep(seconds)
        begun = time.monotonic()
        running.signal_group(number)
        code = running.wait(90)
        print(
            f"\n{number.name} {seconds:.1f} s after the start: exit {code} after {time.monotonic() - begun:.1f} s",
            end="",
        )
        assert code == 130, running.said
        assert "Traceback" not in running.said
        assert seconds_until(lambda: not sandbox.processes()) < 30


def test_after_a_kill_the_lock_is_free_at_once(sandbox: Sandbox) -> None:
    first = sandbox.start()
    first.wait_for(3)
    first.kill()
    assert holder_of(Ledger(sandbox.storage, NAME).folder / "lock") is None
    third = sandbox.start()
    third.wait_until(lambda: holder_of(Ledger(sandbox.storage, NAME).folder / "lock") is not None, seconds=60)
    third.kill()
