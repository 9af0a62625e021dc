"""`orchestrator gc` takes nothing that an evaluation or a prediction needs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.external.evaluate import evaluate
from orchestrator.external.predict import predict
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store


def gc(storage: Path, *options: str) -> dict[str, Any]:
    said = CliRunner().invoke(cli, ["gc", *options, "--storage", str(storage), "--json"], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.fixture
def cleaned(storage: Path, tmp_path: Path) -> Path:
    """A copy in which nothing but what gc keeps is left."""
    copy = tmp_path / "runs"
    shutil.copytree(storage, copy)
    assert gc(copy, "--unnamed")["thinned"]
    assert gc(copy, "--unnamed")["bytes_freed"] == 0
    return copy


def answers(storage: Path) -> list[str]:
    """Every name that `--with` takes."""
    ledger = Ledger(storage, "tiny")
    return [row.name for row in ledger.rows()] + [plain["name"] for plain in ledger.ensembles().values()]


def files(storage: Path) -> dict[str, int]:
    return {str(path.relative_to(storage)): path.stat().st_mtime_ns for path in storage.rglob("*") if path.is_file()}


def test_every_network_and_ensemble_predicts_the_same(storage: Path, cleaned: Path, hospital: Path) -> None:
    names = answers(storage)
    assert {"trial-0000", "member-0000", "ensemble_seeds_3", "ensemble_top_2"} <= set(names)
    for name in (None, *names):
        before, after = (predict(place, "tiny", hospital, network=name) for place in (storage, cleaned))
        assert after.equals(before)
        assert after.attrs == before.attrs


def test_a_new_evaluation_finds_the_same_figures(storage: Path, tmp_path: Path, hospital: Path) -> None:
    """In a storage that has never seen the other folder."""
    places = [tmp_path / "kept", tmp_path / "cleaned"]
    for place in places:
        shutil.copytree(storage, place)
        for name in ("evaluations", "explanations"):
            shutil.rmtree(place / "sweeps" / "tiny" / name, ignore_errors=True)
        gc(place, "--unnamed") if place.name == "cleaned" else None
    assert not Store(places[1]).keys("pass")
    kept, cleaned = (evaluate(place, "tiny", hospital, every_trial=True) for place in places)
    assert cleaned.rows == kept.rows
    assert cleaned == kept


def test_what_was_evaluated_before_stays_and_is_read_and_not_computed(
    storage: Path, tmp_path: Path, hospital: Path
) -> None:
    copy = tmp_path / "runs"
    shutil.copytree(storage, copy)
    before = evaluate(copy, "tiny", hospital)
    gc(copy, "--unnamed")
    passes, left = Store(copy).keys("pass"), files(copy)
    assert {key for key in before.artifacts if key.startswith("pass-")} <= set(passes)
    assert evaluate(copy, "tiny", hospital) == before
    assert files(copy) == left


def test_a_network_whose_files_are_gone_all_the_same_is_told_with_the_way_out(cleaned: Path, hospital: Path) -> None:
    best = evaluate(cleaned, "tiny", hospital).best
    Store(cleaned).delete(best)
    row = next(row for row in Ledger(cleaned, "tiny").rows() if row.key == best)
    words = ["predict", "tiny", str(hospital), "--with", row.name, "--storage", str(cleaned)]
    said = CliRunner().invoke(cli, words)
    assert f"{row.name} has lost its files" in str(said.exception)
    assert "orchestrator audit tiny --mend" in str(said.exception)
