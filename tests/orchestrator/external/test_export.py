"""A network or an ensemble in a folder of its own answers as it does in its sweep."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from orchestrator.exporting import export
from orchestrator.external.predict import predict
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.cli.program import ROOT, orchestrator, refusal
from trainables.exported import load_exported


def exported(storage: Path, folder: Path, network: str | None = None) -> Path:
    export(Store(storage), Ledger(storage, "tiny"), folder, network=network)
    return folder


@pytest.mark.parametrize("network", [None, "ensemble_seeds_3"])
def test_the_folder_answers_as_the_sweep_does(
    storage: Path, hospital: Path, tmp_path: Path, network: str | None
) -> None:
    model = load_exported(exported(storage, tmp_path / "model", network))
    frame = predict(storage, "tiny", hospital, network=network)
    good, answers, _ = model.answer(hospital, list(frame["file"]))
    assert good == list(range(len(frame)))
    rows = [model.row(answers, place) for place in good]
    for name in model.columns():
        told = [row[name] for row in rows]
        assert told == (list(frame[name]) if name == "predicted" else pytest.approx(list(frame[name]), abs=1e-6))


def test_it_needs_neither_the_store_nor_ray_nor_mlflow(storage: Path, hospital: Path, tmp_path: Path) -> None:
    folder = exported(storage, tmp_path / "model")
    program = f"""
import sys
from pathlib import Path
from trainables.exported import load_exported
model = load_exported({str(folder)!r})
good, answers, problems = model.answer(Path({str(hospital)!r}), ["COVID/images/COVID-00.png"])
assert good == [0], problems
assert not {{"ray", "mlflow", "optuna", "orchestrator"}} & set(sys.modules)
print(float(answers.log_probs.exp().sum()))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert said.returncode == 0, said.stderr
    assert float(said.stdout) == pytest.approx(1)


def test_nothing_in_it_is_pickled_and_the_card_tells_measured_reliability(storage: Path, tmp_path: Path) -> None:
    folder = exported(storage, tmp_path / "model")
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert all(name.endswith((".safetensors", ".json", ".md")) for name in names)
    card = (folder / "README.md").read_text("utf-8")
    for text in ("Not for clinical use", "| accuracy |", "after temperature", "Fingerprint", "COVID"):
        assert text in card
    assert str(tmp_path) not in card + (folder / "model.json").read_text("utf-8")
    assert str(storage) not in card + (folder / "model.json").read_text("utf-8")


def test_weights_that_are_a_pickle_are_refused(storage: Path, tmp_path: Path) -> None:
    folder = exported(storage, tmp_path / "model")
    (weights,) = folder.rglob("*.safetensors")

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    weights.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"does not hold the weights"):
        load_exported(folder)
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_export_or_does_not_fit_is_told(storage: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no exported model.*orchestrator export"):
        load_exported(tmp_path)
    folder = exported(storage, tmp_path / "model")
    plain = json.loads((folder / "model.json").read_text("utf-8"))
    (folder / "model.json").write_text(json.dumps({**plain, "format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        load_exported(folder)
    (folder / "model.json").write_text(json.dumps({**plain, "classes": ["one"]}))
    with pytest.raises(ValueError, match=r"does not hold the weights"):
        load_exported(folder)


def test_the_command_writes_once_and_replaces_when_told(storage: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(storage, tmp_path / "runs")
    words = ("export", "tiny", "--storage", copied, "--out", tmp_path / "model")
    said = orchestrator(*words, "--json")
    assert said.code == 0, said
    told = json.loads(said.out)
    assert told["name"].startswith("trial-")
    assert torch.isfinite(torch.tensor(load_exported(told["path"]).temperature))
    assert "is there already" in refusal(*words)
    assert orchestrator(*words, "--force").code == 0
    assert "ensemble_seeds_3" in refusal(
        "export", "tiny", "ensemble_seed_2", "--storage", copied, "--out", tmp_path / "b"
    )
