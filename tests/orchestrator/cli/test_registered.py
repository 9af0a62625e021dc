"""The best network of a sweep from the command line, in MLflow's registry."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.best_model import read_note
from orchestrator.cli.closing import tell_results
from orchestrator.results import best_row, objectives_of
from orchestrator.storage.ledger import Ledger
from orchestrator.sweep.request import build_launch, relaunch
from orchestrator.tracking.mlflow import open_tracker


def test_a_finished_sweep_has_its_best_network_in_the_registry(finished: Path) -> None:
    ledger = Ledger(finished, "tiny")
    best = best_row(ledger.rows(), objectives_of(ledger.definition())[0])
    assert best is not None
    (record,) = open_tracker(finished, "tiny", {}).models()
    assert (record.name, record.key, record.aliases) == ("tiny", best.key, ("best",))


def test_the_last_lines_name_it(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = Path(shutil.copytree(finished, tmp_path / "runs"))
    tell_results(cast(Any, SimpleNamespace(storage=storage, name="tiny")))
    note = read_note(Ledger(storage, "tiny"))
    assert note is not None
    assert f"Model:   models:/tiny@best  ({note.name}, version 1)\n" in capsys.readouterr().out


def test_a_sweep_remembers_that_it_was_told_not_to(tiny: Path, copied: Path) -> None:
    assert build_launch(str(tiny), storage=copied, register=False).request["register"] is False
    assert "register" not in build_launch(str(tiny), storage=copied).request
    ledger = Ledger(copied, "tiny")
    definition = ledger.definition()
    ledger.write_definition({**definition, "request": {**definition["request"], "register": False}})
    assert relaunch(ledger).request["register"] is False
