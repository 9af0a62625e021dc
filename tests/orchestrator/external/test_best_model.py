"""A sweep that grows, and its best network in the registry: registered, moved, loaded from elsewhere, deleted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.audit import audit
from orchestrator.best_model import BestModel, read_note
from orchestrator.deletion import Deletion
from orchestrator.executors.inline import InlineExecutor
from orchestrator.external.predict import predict
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Launch, run_sweep
from orchestrator.sweep.session import bring_up_to_date
from orchestrator.tracking.mlflow import open_tracker, tracking_uri
from orchestrator.tracking.mlflow.client import open_client
from orchestrator.tracking.protocol import SWEEP_TAG
from search_spaces.overrides import Overrides
from search_spaces.sweep import Sweep
from trainables.spec import Evaluation, Optimizer, Schedule, SmallCNN, Synthetic, Temperature, TrialSpec

ELSEWHERE = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/grown@best")
said = model.predict(pandas.DataFrame({"path": sys.argv[2:]}))
import trainables
print(json.dumps({"rows": said.to_dict("records"), "code": trainables.__file__}))
"""


def space(trial: Any) -> TrialSpec:
    rate = trial.suggest_categorical("learning_rate", [0.1, 1e-7])
    return TrialSpec(
        data=Synthetic(images=96, size=32),
        model=SmallCNN(widths=(8,)),
        optimizer=Optimizer(learning_rate=rate),
        schedule=Schedule(epochs=2, batch_size=16),
    )


def run(storage: Path, trials: int) -> str:
    """Let the sweep have so many trials, and do what its session does afterwards. Returns the best trial."""
    sweep = Sweep(
        name="grown", space=space, searcher="grid", trials=trials, member_seeds=0, posthoc=(Evaluation(), Temperature())
    )
    launch = Launch(sweep=sweep, overrides=Overrides(), name="grown", storage=storage)
    assert run_sweep(launch, InlineExecutor()).finished
    assert bring_up_to_date(storage, "grown") == ""
    BestModel(storage, "grown").sync()
    note = read_note(Ledger(storage, "grown"))
    assert note is not None
    return note.name


def predicted_elsewhere(uri: str, images: list[Path], cwd: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", ELSEWHERE, uri, *map(str, images)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_the_best_network_of_a_growing_sweep_is_in_the_registry(
    tmp_path: Path, hospital: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    storage = tmp_path / "runs"
    assert run(storage, 1) == "trial-0000"
    client = open_client(tracking_uri(storage, {}))
    aliases = client.get_registered_model("grown").aliases
    assert {name: str(version) for name, version in aliases.items()} == {"best": "1"}
    assert "Not for clinical use" in client.get_model_version("grown", "1").description

    assert run(storage, 2) == "trial-0001", "the first learning rate overshoots"
    store, ledger, tracker = Store(storage), Ledger(storage, "grown"), open_tracker(storage, "grown")
    first, second = tracker.models()
    assert (first.aliases, second.aliases) == ((), ("best",))
    assert [first.key, second.key] == [row.key for row in ledger.rows()]
    assert audit(store, ledger, tracker).ok

    (ledger.folder / "tracking-registered").unlink()
    run(storage, 2)
    assert tracker.models() == [first, second], "a start that has forgotten doubles nothing"

    (tmp_path / "elsewhere").mkdir()
    images = sorted(hospital.rglob("*.png"))[:3]
    said = predicted_elsewhere(tracking_uri(storage, {}), images, tmp_path / "elsewhere")
    assert "trainables.zip" in Path(said["code"]).parts, "the code is the model's own"
    expected = predict(storage, "grown", hospital).set_index("file")
    assert {"entropy", "confidence"} <= set(expected)
    for image, row in zip(images, said["rows"], strict=True):
        for name, value in expected.loc[str(image.relative_to(hospital))].items():
            assert row[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-5))

    client.delete_run(first.run_id)
    assert audit(store, ledger, tracker).orphaned_models == ("grown/1",)
    Deletion(storage, ledger).run()
    assert tracker.models() == []
    assert client.search_registered_models() == []


def test_an_alias_of_somebody_else_stays_until_somebody_moves_it(
    storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.registration import register

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    runs = Path(shutil.copytree(storage, tmp_path / "runs"))
    assert bring_up_to_date(runs, "embedded") == ""
    tracker = open_tracker(runs, "embedded")
    client = open_client(tracker.uri)
    client.create_registered_model("embedded")
    theirs = client.create_model_version("embedded", source="s3://theirs", tags={SWEEP_TAG: "embedded@1"})
    client.set_registered_model_alias("embedded", "best", theirs.version)
    BestModel(runs, "embedded").sync()
    note = read_note(Ledger(runs, "embedded"))
    assert note is not None
    assert note.told().startswith("not registered: The alias best of the registered model embedded names version 1")
    assert "`orchestrator register embedded` moves it" in note.problem
    assert tracker.models() == []
    assert register(runs, "embedded").version == "2"
    assert [each.aliases for each in tracker.models()] == [("best",)]
    tracker.delete()
    assert [each.version for each in client.search_model_versions("name='embedded'")] == [theirs.version]
