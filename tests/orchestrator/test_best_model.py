"""When the best network is registered by itself, with the registry itself left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.best_model import MOST_ATTEMPTS, BestModel, read_note
from orchestrator.errors import TrackingError
from orchestrator.tracking.mirror import REGISTERED, forget_arrival
from orchestrator.tracking.mlflow.model import Registered
from tests.orchestrator.tracking.small_sweep import SmallSweep


class Registry:
    """Takes the place of `orchestrator.registration.register`: counts, and fails as told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls = 0
        self.error = error

    def __call__(self, storage: Path, name: str, **_: Any) -> Registered:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return Registered(name=name, version=str(self.calls), alias="best", is_new=True)


@pytest.fixture
def sweep(tmp_path: Path) -> SmallSweep:
    sweep = SmallSweep(tmp_path)
    sweep.complete()
    return sweep


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")

    def patched(error: BaseException | None = None) -> Registry:
        registry = Registry(error)
        monkeypatch.setattr("orchestrator.registration.register", registry)
        return registry

    return patched


def sync(sweep: SmallSweep) -> None:
    BestModel(sweep.store.root, "demo").sync()


def told(sweep: SmallSweep) -> str:
    note = read_note(sweep.ledger)
    return note.told() if note is not None else ""


def test_a_finished_sweep_is_registered_once(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry()
    for _ in range(3):
        sync(sweep)
    assert calls.calls == 1
    assert told(sweep) == "models:/demo@best  (trial-0001, version 1)"


def test_another_best_network_is_registered_too(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry()
    sync(sweep)
    best, other = sweep.ledger.rows()
    for report in other.reports:
        report.metrics["val/nll"] = 9.0
    sweep.ledger.write_row(other)
    sync(sweep)
    assert calls.calls == 2
    note = read_note(sweep.ledger)
    assert note is not None
    assert (note.key, note.name, note.version) == (best.key, "trial-0000", "2")


def test_another_server_has_none_yet(
    sweep: SmallSweep, registry: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = registry()
    for port in (1, 2, 2):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        sync(sweep)
    assert calls.calls == 2


def test_what_the_server_has_lost_is_registered_again(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry()
    sync(sweep)
    forget_arrival(sweep.ledger)
    sync(sweep)
    assert calls.calls == 2


@pytest.mark.parametrize("why", ["interrupted", "switched off", "no network"])
def test_nothing_is_registered(why: str, tmp_path: Path, registry: Callable[..., Registry]) -> None:
    sweep, calls = SmallSweep(tmp_path), registry()
    sweep.define(**({"request": {"register": False}} if why == "switched off" else {}))
    row = sweep.train(sweep.draw(0), 3)
    sweep.end(row, "failed" if why == "no network" else "completed")
    sweep.ledger.write_outcome("interrupted" if why == "interrupted" else "finished")
    sync(sweep)
    assert calls.calls == 0
    assert told(sweep) == ""


def test_a_server_that_is_away_is_asked_at_every_start(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry(TrackingError("The tracking server is away."))
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(TrackingError):
            sync(sweep)
    assert calls.calls == MOST_ATTEMPTS + 1
    calls.error = None
    sync(sweep)
    assert told(sweep).startswith("models:/demo@best")


def test_a_network_that_cannot_be_registered_is_told_in_a_line_and_not_tried_again(
    sweep: SmallSweep, registry: Callable[..., Registry]
) -> None:
    calls = registry(ValueError("its weights do not\nfit."))
    for _ in range(2):
        sync(sweep)
    assert calls.calls == 1
    assert told(sweep) == "not registered: its weights do not fit."


def test_a_network_whose_files_are_gone_is_told_in_a_line(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry(FileNotFoundError("No such file or directory: weights.safetensors"))
    for _ in range(2):
        sync(sweep)
    assert calls.calls == 1
    assert told(sweep).startswith("not registered: a file of the network is gone: No such file")


def test_attempts_that_were_killed_end_with_the_command_that_takes_its_time(
    sweep: SmallSweep, registry: Callable[..., Registry]
) -> None:
    calls = registry(KeyboardInterrupt())
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            sync(sweep)
    calls.error = None
    sync(sweep)
    assert calls.calls == MOST_ATTEMPTS
    assert "`orchestrator register demo`" in told(sweep)


def test_a_damaged_note_is_none(sweep: SmallSweep, registry: Callable[..., Registry]) -> None:
    calls = registry()
    (sweep.ledger.folder / REGISTERED).write_text('{"place": 1, "colour": "red"}')
    assert read_note(sweep.ledger) is None
    sync(sweep)
    assert calls.calls == 1
