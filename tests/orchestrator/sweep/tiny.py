"""A sweep that takes seconds: small synthetic radiographs, a network of two blocks, all tasks that are cheap."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna

from orchestrator.executors.inline import InlineExecutor
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.driver import SweepDriver
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from orchestrator.sweep.reconcile import Reconciler
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Ensemble,
    Evaluation,
    Optimizer,
    PixelBaseline,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    Temperature,
    TrialSpec,
)


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Learning rate and dropout of a network of two blocks."""
    return TrialSpec(
        data=Synthetic(images=96, size=32, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(4, 8), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)),
        schedule=Schedule(epochs=3, batch_size=16),
    )


SWEEP = Sweep(
    name="tiny",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    trials=4,
    scheduler=Asha(grace_epochs=1, reduction_factor=2),
    member_seeds=1,
    posthoc=(
        Evaluation(),
        Temperature(),
        PixelBaseline(size=8),
        Ensemble(members="seeds", size=2),
        Ensemble(members="top", size=2),
    ),
)


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Watcher:
    """Counts changes, and ends the driver or interrupts it at one of them."""

    kill_at: int | None = None
    interrupt_at: int | None = None
    changes: int = 0
    driver: SweepDriver | None = None
    states: list[str] = field(default_factory=list)

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        self.changes += 1
        self.driver = driver
        if self.changes == self.interrupt_at:
            driver.interrupt()
        if self.changes == self.kill_at:
            raise Killed

    def decoding(self, done: int, total: int) -> None:
        pass

    def data_ready(self, text: str) -> None:
        pass


def launch(storage: Path, **changes: Any) -> Launch:
    """A launch of the tiny sweep with some of its fields changed."""
    sweep = replace(SWEEP, **changes)
    return Launch(sweep=sweep, overrides=Overrides(), name="tiny", storage=storage)


def start(
    storage: Path,
    watcher: Watcher | None = None,
    *,
    posthoc_only: bool = False,
    retry_failed: bool = False,
    stopped_too: bool = False,
    **changes: Any,
) -> Ended:
    """Run it inline."""
    wanted = replace(launch(storage, **changes), retry_failed=retry_failed, stopped_too=stopped_too)
    return run_sweep(wanted, InlineExecutor(), [watcher] if watcher else [], posthoc_only=posthoc_only)


def outcome(storage: Path) -> dict[str, Any]:
    """Everything that must not depend on kills: rows without times, and keys of what is stored."""
    ledger, store = Ledger(storage, "tiny"), Store(storage)
    rows = [
        (row.name, row.state, row.key, row.params, [(report.epoch, report.metrics) for report in row.reports])
        for row in ledger.rows()
    ]
    kinds = ("network", "evaluation", "temperature", "ensemble")
    weights = {key: store.manifest(key).files["weights.safetensors"]["sha256"] for key in store.keys("network")}
    return {"rows": rows, "weights": weights, "keys": {kind: store.keys(kind) for kind in kinds}}


def repeated_epochs(storage: Path) -> list[str]:
    """Steps of chains that were computed again although they were committed."""
    store = Store(storage)
    folder = storage / "artifacts" / "fit"
    return [
        step
        for chain in sorted(path.name for path in folder.iterdir())
        for step in store.steps(chain)
        if any(started > store.manifest(step).committed_at for _, started in store.attempts(step))
    ]
