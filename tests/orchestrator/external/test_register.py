"""The registered model answers for a DataFrame of paths, without a pickle, and is never doubled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.external.predict import predict
from orchestrator.registration import register
from orchestrator.tracking.mlflow import tracking_uri
from tests.orchestrator.cli.program import orchestrator


@pytest.fixture(scope="module")
def copied(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(storage, tmp_path_factory.mktemp("registered") / "runs"))
    (folder / "mlflow.db").unlink(missing_ok=True)  # whose files would lie beside the original
    return folder


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_best_network_is_registered_once_and_predicts_paths(
    copied: Path, hospital: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    first, again = register(copied, "tiny"), register(copied, "tiny")
    assert (first.is_new, again.is_new) == (True, False)
    assert first.version == again.version
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(copied, {}))
    mlflow.set_tracking_uri(tracking_uri(copied, {}))
    model = mlflow.pyfunc.load_model(first.uri)
    frame = predict(copied, "tiny", hospital)
    said = model.predict(pd.DataFrame({"path": [str(hospital / name) for name in frame["file"]]}))
    assert list(said["predicted"]) == list(frame["predicted"])
    for name in (*(each for each in frame.columns if each.startswith("p/")), "confidence", "entropy"):
        assert list(said[name]) == pytest.approx(list(frame[name]), abs=1e-6)
    signature = model.metadata.signature
    assert [column.name for column in signature.inputs] == ["path"]
    assert {"predicted", "entropy", "problem"} <= {column.name for column in signature.outputs}
    bad = model.predict(pd.DataFrame({"path": [str(hospital / "gone.png")]}))
    assert bad["problem"][0]
    assert bad["predicted"].isna().all()


def test_files_hold_code_and_pins_and_no_pickle(copied: Path) -> None:
    register(copied, "tiny")
    folders = list((copied / "mlartifacts").rglob("MLmodel"))
    assert len(folders) == 1
    folder = folders[0].parent
    assert not list(folder.rglob("*.pkl"))
    assert not list(folder.rglob("__pycache__"))
    assert all("==" in line for line in (folder / "requirements.txt").read_text().split())
    example = json.loads((folder / "input_example.json").read_text())
    assert example["columns"] == ["path"]


def test_an_ensemble_can_be_registered_under_another_alias(copied: Path) -> None:
    said = orchestrator(
        "register", "tiny", "--with", "ensemble_seeds_3", "--alias", "pooled", "--storage", copied, "--json"
    )
    assert said.code == 0, said
    told = json.loads(said.out)
    assert told["uri"] == "models:/tiny@pooled"
    assert told["new"]
