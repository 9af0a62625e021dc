"""A driver that dies at a write: before it, or right after it. Every file that counts is made by a link or a replacement."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.audit import audit
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.sweep.tiny import Killed, outcome, repeated_epochs, start

CALM: dict[str, Any] = {"scheduler": None, "searcher": "random", "trials": 3}


class Death:
    """Counts writes; from the fatal one on, nothing is written any more."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.writes = 0
        self._at = at
        self._after = after

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            fatal = self._at is not None and self.writes >= self._at
            if fatal and not (self._after and self.writes == self._at):
                raise Killed
            result = write(*args, **kwargs)
            if fatal:
                raise Killed
            return result

        return counted


@contextmanager
def dying(death: Death) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", death.around(os.link))
        patch.setattr(Path, "replace", death.around(Path.replace))
        yield


def die_and_go_on(storage: Path, death: Death) -> None:
    with dying(death), pytest.raises(Killed):
        start(storage, **CALM)
    assert start(storage, **CALM).finished


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The outcome of an undisturbed sweep, and how many writes it takes."""
    storage, death = tmp_path_factory.mktemp("calm"), Death()
    with dying(death):
        assert start(storage, **CALM).finished
    return outcome(storage), death.writes


def assert_no_point_shows(calm: tuple[dict[str, Any], int], folder: Path, points: range) -> None:
    for at in points:
        for after in (False, True):
            storage = folder / f"{at}-{after}"
            die_and_go_on(storage, Death(at, after=after))
            assert outcome(storage) == calm[0], f"write {at}, after: {after}"
            assert repeated_epochs(storage) == []
            assert audit(Store(storage), Ledger(storage, "tiny"), None).ok
            shutil.rmtree(storage)


def test_a_death_at_some_writes_does_not_show_in_the_end(calm: tuple[dict[str, Any], int], tmp_path: Path) -> None:
    assert_no_point_shows(calm, tmp_path, range(2, calm[1] + 1, 19))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_death_at_any_write_does_not_show_in_the_end(calm: tuple[dict[str, Any], int], tmp_path: Path) -> None:
    assert_no_point_shows(calm, tmp_path, range(1, calm[1] + 1))
