"""Maps of members from the sweep to the report and to the tracker."""

from pathlib import Path

import pytest

from orchestrator.audit import audit
from orchestrator.executors.inline import InlineExecutor
from orchestrator.figures.member_files import maps_picture
from orchestrator.member_maps import ensemble_maps
from orchestrator.report.write import write_report
from orchestrator.status import sweep_status
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Launch, run_sweep
from orchestrator.tracking.sweep_runs import SweepRuns
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from trainables.data.prepare import DataSource
from trainables.spec import EnsembleMaps, Evaluation, MemberMaps, Schedule, SmallCNN, Synthetic, TrialSpec

FEW = {"images": 6, "cells": 2, "angles": (45,)}
OF_ENSEMBLE = EnsembleMaps(size=2, **FEW)
TASKS = (Evaluation(), OF_ENSEMBLE, MemberMaps(over="mc_dropout", samples=2, **FEW))


def space(trial) -> TrialSpec:  # type: ignore[no-untyped-def]
    """One small network."""
    dropout = trial.suggest_categorical("dropout", [0.3])
    return TrialSpec(
        data=Synthetic(images=64, size=32),
        model=SmallCNN(widths=(4, 8), dropout=dropout),
        schedule=Schedule(epochs=1, batch_size=16),
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps") / "runs"
    sweep = Sweep(name="maps", space=space, trials=1, member_seeds=1, searcher="grid", posthoc=TASKS)
    launch = Launch(sweep=sweep, overrides=Overrides(), name="maps", storage=folder, source=DataSource())
    ended = run_sweep(launch, InlineExecutor())
    assert not ended.failed_tasks
    return folder


def test_an_ensemble_s_maps_are_of_the_members_that_an_ensemble_takes_and_nothing_is_missing(storage: Path) -> None:
    store, ledger = Store(storage), Ledger(storage, "maps")
    (found,) = ensemble_maps(store, ledger.definition(), ledger.rows())
    assert sorted(found.members) == sorted(row.key for row in ledger.rows())
    assert found.name == OF_ENSEMBLE.name
    assert audit(store, ledger, None).missing_results == ()
    status = sweep_status(ledger)["posthoc"]
    assert status["wanted"] == status["done"] == 5  # two tasks on each of two networks, and the ensemble's


def test_the_report_has_tables_and_grids(storage: Path) -> None:
    page = write_report(Store(storage), Ledger(storage, "maps"), storage / "report.html").read_text("utf-8")
    for text in (
        "ensemble_maps_seeds_2, 2 networks",
        "intersection",
        "images by ways to aggregate",
        "how sure the members are which region matters more",
        "rotated by 45 degrees",
    ):
        assert text in page
    assert "maps of MC dropout" in page


def test_the_tracker_gets_a_run_with_pictures_and_numbers_by_angle(storage: Path) -> None:
    runs = SweepRuns(Store(storage), Ledger(storage, "maps")).updates()
    (run,) = [each for each in runs if each.name == OF_ENSEMBLE.name]
    assert "rotated_45/test/map_correlation" in {point.name for point in run.metrics}
    expected = {"members", "aggregations", "regions", "rotated", "angles"}
    assert {f"figures/{run.name}_{part}.png" for part in expected} == set(run.artifacts)
    for artifact in run.artifacts.values():
        assert artifact.content().startswith(b"\x89PNG")
    networks = [each for each in runs if any("maps_mc_dropout_members" in path for path in each.artifacts)]
    assert len(networks) == 2


def test_an_unknown_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="knows members"):
        maps_picture("nothing", {}, (), "")
