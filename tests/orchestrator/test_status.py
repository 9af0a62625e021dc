from pathlib import Path

from orchestrator.status import sweep_status
from orchestrator.storage.ledger import Ledger
from tests.orchestrator.sweep.tiny import Watcher, start


def test_a_finished_sweep_wants_no_ensemble_that_has_too_few_members(tmp_path: Path) -> None:
    assert start(tmp_path, trials=2, member_seeds=0, scheduler=None).finished
    posthoc = sweep_status(Ledger(tmp_path, "tiny"))["posthoc"]
    assert posthoc["done"] == posthoc["wanted"] == 6  # two tasks on two networks, the baseline, the ensemble of trials


def test_ensembles_to_come_are_wanted_while_a_sweep_is_not_finished(tmp_path: Path) -> None:
    assert not start(tmp_path, Watcher(interrupt_at=9), trials=4, scheduler=None).finished
    before = sweep_status(Ledger(tmp_path, "tiny"))["posthoc"]
    assert before["done"] < before["wanted"]
