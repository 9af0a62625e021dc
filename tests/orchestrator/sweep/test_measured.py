"""`auto`: what trials ask for follows from measurements, which are remembered and raised."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.probe import Cost
from orchestrator.storage.ledger import Report, Row
from orchestrator.sweep.launch import Launch, sample_specs
from orchestrator.sweep.measured import LIBRARIES_GB, Measure, Measurements, with_measured
from orchestrator.sweep.session import run_with_everything
from search_spaces.sweep import Resources
from tests.orchestrator.sweep.tiny import launch
from trainables.spec import TrialSpec, to_plain

GB = 10**9
COST = Cost(
    train_seconds=0.01,
    evaluate_seconds=0.01,
    memory_bytes=4 * GB,
    gpu_bytes=16 * GB,
    main_bytes=GB,
    weights_bytes=1,
    state_bytes=3,
)


def auto(storage: Path) -> Launch:
    return launch(storage, resources=Resources(measured=("gpus", "memory_gb")))


def planted(calls: list[str], cost: Cost = COST) -> Measure:
    def measure(of: Launch, spec: TrialSpec) -> Cost:
        calls.append(of.name)
        return cost

    return measure


def test_a_measurement_is_made_once_and_becomes_a_share_that_whole_trials_fill(tmp_path: Path) -> None:
    calls: list[str] = []
    for _ in range(2):
        started = auto(tmp_path)
        found = with_measured(started, Measurements(started, planted(calls)))
        assert found.sweep.resources.gpus == pytest.approx(1 / 3)  # 16 GB hold 3 times 4 GB with a fifth to spare
        assert found.sweep.resources.memory_gb == pytest.approx(LIBRARIES_GB + 1.2)
    assert calls == ["tiny"]
    (file,) = (tmp_path / "measured").iterdir()
    assert "small_cnn, 32 px, batches of 16" in json.loads(file.read_text())["family"]


def test_without_a_gpu_trials_run_on_cpus(tmp_path: Path) -> None:
    started = auto(tmp_path)
    found = with_measured(started, Measurements(started, planted([], replace(COST, gpu_bytes=0))))
    assert found.sweep.resources.gpus == 0


def test_trials_that_ran_out_of_memory_raise_it_once_each(tmp_path: Path) -> None:
    started = auto(tmp_path)
    measurements = Measurements(started, planted([]))
    with_measured(started, measurements)
    spec = to_plain(sample_specs(started)[0])
    row = Row(kind="trial", number=0, spec=spec, key="network-a", fit_key="fit-a", data_key="data-a")
    assert measurements.raise_after([row]) == []
    failed = replace(row, state="failed", reason="OutOfMemoryError: CUDA out of memory. Tried to allocate 20 MiB")
    assert len(measurements.raise_after([failed])) == 1
    assert with_measured(started, measurements).sweep.resources.gpus == 1
    assert measurements.raise_after([failed]) == []
    report = Report(epoch=1, metrics={}, best_epoch=1, finished=False, micro_batches=2)
    assert len(measurements.raise_after([failed, replace(row, key="network-b", reports=[report])])) == 1
    assert with_measured(started, measurements).sweep.resources.memory_gb == pytest.approx(LIBRARIES_GB + 4.8)


def test_a_sweep_really_measures_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    session = run_with_everything(
        launch(tmp_path, resources=Resources(measured=("memory_gb",)), trials=1, member_seeds=0, posthoc=()),
        inline=True,
        quiet=True,
    )
    assert session.ended.finished
    (file,) = (tmp_path / "measured").iterdir()
    assert json.loads(file.read_text())["cost"]["main_bytes"] >= 0
