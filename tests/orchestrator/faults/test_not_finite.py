"""A loss or a metric that is no number ends its trial, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from orchestrator.audit import audit
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from tests.orchestrator.sweep.tiny import SWEEP, Watcher, start
from trainables.epoch_report import EpochReport
from trainables.fit import Training
from trainables.spec import Evaluation, Optimizer, TrialSpec

ALONE: dict[str, Any] = {
    "trials": 3,
    "scheduler": None,
    "member_seeds": 0,
    "searcher": "random",
    "posthoc": (Evaluation(),),
}


def run(storage: Path, **changes: Any) -> tuple[list[Row], list[str]]:
    """The rows of a sweep, and what its study was told of each trial."""
    watcher = Watcher()
    start(storage, watcher, **{**ALONE, **changes})
    assert watcher.driver is not None
    assert audit(Store(storage), Ledger(storage, "tiny"), None, contents=True).ok
    study = watcher.driver._study._study
    return Ledger(storage, "tiny").rows(), [trial.state.name for trial in study.trials]


def explosive(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """Some draws take steps that no network survives."""
    spec = SWEEP.space(trial)
    if trial.params["dropout"] < 0.25:
        return spec
    schedule = replace(spec.schedule, clip_norm=None)
    return replace(spec, optimizer=Optimizer(kind="sgd", learning_rate=1e30), schedule=schedule)


def test_a_loss_that_is_no_number_fails_the_trial_and_the_study_hears_of_it(tmp_path: Path) -> None:
    rows, told = run(tmp_path, space=explosive)
    failed = [row for row in rows if row.state == "failed"]
    assert 0 < len(failed) < 3
    assert all("Training has diverged" in row.reason for row in failed)
    assert told == ["FAIL" if row.state == "failed" else "COMPLETE" for row in rows]


def test_a_metric_that_is_no_number_fails_the_trial_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_epoch = Training.run_epoch
    rates: list[float] = []

    def planted(training: Training) -> EpochReport:
        result = run_epoch(training)
        rates.append(training.spec.optimizer.learning_rate)
        if rates[-1] == rates[0] and result.epoch == 2:
            return replace(result, metrics={**result.metrics, "val/nll": math.nan})
        return result

    monkeypatch.setattr(Training, "run_epoch", planted)
    (first, *others), told = run(tmp_path)
    assert (first.state, [report.epoch for report in first.reports]) == ("failed", [1])
    assert "After epoch 2 val/nll is not finite" in first.reason
    assert {row.state for row in others} == {"completed"}
    assert told == ["FAIL", "COMPLETE", "COMPLETE"]
