"""Population based training: a lineage is what its networks are made from, and kills change no bit."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from orchestrator.audit import audit
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.store import Store
from search_spaces.schedulers import Pbt
from tests.orchestrator.sweep.tiny import Killed, Watcher, outcome, repeated_epochs, start
from trainables.spec import Ensemble, Evaluation

CHANGES: dict[str, Any] = {
    "scheduler": Pbt(interval=1, fraction=0.34),
    "trials": 4,
    "posthoc": (Evaluation(), Ensemble(members="top", size=3)),
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A finished population of four, compared after epochs 1 and 2 of 3, and how many changes its driver told of."""
    storage = tmp_path_factory.mktemp("calm")
    watcher = Watcher()
    ended = start(storage, watcher, **CHANGES)
    assert ended.finished
    assert not ended.failed_tasks
    return storage, watcher.changes


def rows_of(storage: Path) -> list[Row]:
    return Ledger(storage, "tiny").rows()


def test_the_worst_give_way_to_changed_copies_of_the_best(calm: tuple[Path, int]) -> None:
    storage, _ = calm
    rows = rows_of(storage)
    assert [row.kind for row in rows] == ["trial"] * 6  # four, and one new one after each of two epochs
    assert [row.state for row in rows].count("completed") == 4
    for epoch, child in ((1, rows[4]), (2, rows[5])):
        alive = [row for row in rows if any(report.epoch == epoch for report in row.reports)]
        values = {
            row.name: next(each.metrics["val/nll"] for each in row.reports if each.epoch == epoch) for row in alive
        }
        donor, loser = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
        parent = next(row for row in rows if row.name == donor)
        assert child.parent == f"{parent.fit_key}/epoch-{epoch:04d}"
        assert child.params != parent.params
        ended = next(row for row in rows if row.name == loser)
        assert ended.state == "stopped"
        assert f"{child.name} takes its place, from {donor} at epoch {epoch}" in ended.reason
        assert [report.epoch for report in child.reports] == list(range(epoch + 1, 4))


def test_a_copy_begins_with_the_weights_and_the_optimiser_of_its_donor(calm: tuple[Path, int], tmp_path: Path) -> None:
    """Trained on by hand from the donor's state, the network has the same bits."""
    from orchestrator.data import open_data
    from trainables.checkpoint import TrainingState
    from trainables.fit import Training
    from trainables.spec import TrialSpec, from_plain

    storage, _ = calm
    store, child = Store(storage), rows_of(storage)[4]
    training = Training(from_plain(TrialSpec, child.spec), open_data(store, child.data_key))
    training.load(TrainingState.load(store.folder(child.parent)))
    training.run_epoch()
    training.state().save(tmp_path)
    ours, theirs = (
        load_file(tmp_path / "weights.safetensors"),
        load_file(store.folder(f"{child.fit_key}/epoch-0002") / "weights.safetensors"),
    )
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_a_population_killed_at_any_moment_ends_with_the_same_table_and_bits(
    calm: tuple[Path, int], tmp_path: Path
) -> None:
    storage, changes = calm
    wanted = outcome(storage)
    for kill_at in range(2, changes, 4):
        again = tmp_path / str(kill_at)
        with pytest.raises(Killed):
            start(again, Watcher(kill_at=kill_at), **CHANGES)
        assert start(again, **CHANGES).finished
        assert outcome(again) == wanted
        assert repeated_epochs(again) == []


def test_its_audit_is_clean_and_a_second_start_computes_nothing(calm: tuple[Path, int]) -> None:
    storage, _ = calm
    assert audit(Store(storage), Ledger(storage, "tiny"), None).ok
    before = outcome(storage)
    assert start(storage, **CHANGES).finished
    assert outcome(storage) == before


def test_an_equal_population_takes_everything_from_the_store(calm: tuple[Path, int]) -> None:
    """Under another name, with its rows gone: the chains are further than its first comparison."""
    storage, _ = calm
    wanted = outcome(storage)
    for row in rows_of(storage):
        (storage / "sweeps" / "tiny" / "rows" / f"{row.name}.json").unlink()
    assert start(storage, **CHANGES).finished
    assert outcome(storage) == wanted
    assert repeated_epochs(storage) == []


def test_what_a_population_cannot_do_is_refused(calm: tuple[Path, int], tmp_path: Path) -> None:
    storage, _ = calm
    with pytest.raises(ValueError, match="a population of 4 that was compared as it is"):
        start(storage, **{**CHANGES, "trials": 6})
    with pytest.raises(ValueError, match="would never be compared"):
        start(tmp_path, **{**CHANGES, "scheduler": Pbt(interval=3)})
    with pytest.raises(ValueError, match="the searcher is 'nsga2'"):
        start(tmp_path, **CHANGES, searcher="nsga2")
    assert json.loads((storage / "sweeps" / "tiny" / "sweep.json").read_text())["searcher"] == "random"
