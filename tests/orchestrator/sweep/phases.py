"""Where a sweep is, told from outside by its ledger and its store, so that kills can be spread over all of it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.storage.ledger import Ledger, Row, RowKind
from orchestrator.storage.store import Store
from tests.orchestrator.sweep.real_process import NAME, TRIALS, Start

TASKS = ("evaluation", "temperature", "laplace", "aopc")
JUST_ENDED_SECONDS = 1.0


class View:
    """A sweep since a moment; what earlier starts began and left does not count.

    Args:
        storage: its storage.
        since: seconds since 1970.
    """

    def __init__(self, storage: Path, since: float) -> None:
        self._storage = storage
        self._since = since

    def starts_up(self) -> bool:
        """Nothing was begun yet: images are decoded, or Ray and the driver start."""
        return not any(self._begun("fit", *TASKS, "ensemble"))

    def trains(self, kind: RowKind) -> bool:
        """An epoch of a running trial or member is computed."""
        chains = {row.fit_key for row in self._rows(kind) if row.state == "running"}
        return any(home.parent.name in chains for home in self._open("fit"))

    def is_between_trials(self) -> bool:
        """A trial has just ended, and the search is not over."""
        trials = self._rows("trial")
        now = time.time()
        ended = any(row.ended > 0 and now - row.ended < JUST_ENDED_SECONDS for row in trials)
        return ended and (len(trials) < TRIALS or any(row.state == "running" for row in trials))

    def runs_a_task(self) -> bool:
        """A post-hoc task of a network is computed."""
        return any(self._open(*TASKS))

    def pools(self) -> bool:
        """An ensemble has its members and not its result."""
        store = Store(self._storage)
        formed = [key for key, plain in Ledger(self._storage, NAME).ensembles().items() if not plain["superseded"]]
        return any(not store.exists(key) for key in formed)

    def _rows(self, kind: RowKind) -> list[Row]:
        return [row for row in Ledger(self._storage, NAME).rows() if row.kind == kind]

    def _open(self, *kinds: str) -> Iterator[Path]:
        return (home for home in self._begun(*kinds) if not (home / "manifest.json").exists())

    def _begun(self, *kinds: str) -> Iterator[Path]:
        """Folders of artifacts and epochs at which an attempt was begun since."""
        for kind in kinds:
            for pattern in ("*/attempt-*/started.json", "*/epoch-*/attempt-*/started.json"):
                for note in (self._storage / "artifacts" / kind).glob(pattern):
                    if _started_at(note) >= self._since:
                        yield note.parent.parent


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of a sweep.

    Attributes:
        name: for people.
        is_on: whether a sweep is in it.
        longest: seconds that a kill waits at most once it was seen.
    """

    name: str
    is_on: Callable[[View], bool]
    longest: float


STARTING = Phase(name="start-up", is_on=View.starts_up, longest=0.0)
TRAINING = Phase(name="training", is_on=lambda view: view.trains("trial"), longest=1.0)
BETWEEN = Phase(name="between trials", is_on=View.is_between_trials, longest=0.5)
TASK = Phase(name="post-hoc task", is_on=View.runs_a_task, longest=0.3)
MEMBER = Phase(name="member's training", is_on=lambda view: view.trains("member"), longest=0.7)
ENSEMBLE = Phase(name="ensemble", is_on=View.pools, longest=0.1)
PHASES = (STARTING, TRAINING, BETWEEN, TASK, MEMBER, ENSEMBLE)


def rounds(kills: int, draw: random.Random) -> list[list[Phase]]:
    """So many kills as sweeps with one of each phase; a sweep comes by its phases in an order, but it starts after every kill."""
    made = []
    while kills > 0:
        early = [TRAINING, BETWEEN]
        draw.shuffle(early)
        order = [*early, TASK, MEMBER, ENSEMBLE]
        order.insert(draw.randrange(len(order) + 1), STARTING)
        chosen = draw.sample(order, min(kills, len(order)))
        made.append([phase for phase in order if phase in chosen])
        kills -= len(chosen)
    return made


def wait_for(
    phase: Phase, view: View, running: Start, draw: random.Random, *, starts_up_seconds: float
) -> float | None:
    """Wait until a phase is seen, and some random seconds more in which it does not end.

    Args:
        phase: to be seen.
        view: of the sweep since its start.
        running: the command.
        draw: the random numbers of this kill.
        starts_up_seconds: how long a start takes, of which a share is waited for.

    Returns:
        The random seconds; None if the command has ended before.
    """
    longest = phase.longest or 0.7 * starts_up_seconds
    deadline = time.monotonic() + 480
    while running.process.poll() is None:
        assert time.monotonic() < deadline, f"{phase.name} was not seen within 480 s:\n{running.said}"
        if phase.is_on(view):
            pause = draw.uniform(0.0, longest)
            time.sleep(pause)
            if (phase is STARTING or phase.is_on(view)) and running.process.poll() is None:
                return pause  # a start comes once: one that was quicker than thought is killed where it is
        time.sleep(0.01)
    return None


def on_now(view: View) -> list[str]:
    """Names of the phases that a sweep is in."""
    return [phase.name for phase in PHASES if phase.is_on(view)]


def table(lines: Sequence[tuple[str, ...]]) -> str:
    """Lines of text in columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def _started_at(note: Path) -> float:
    try:
        return float(json.loads(note.read_text())["started_at"])
    except (OSError, ValueError, KeyError):
        return 0.0  # it is just being written
