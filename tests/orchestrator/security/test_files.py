"""Files that want to be run, credentials that want to be logged, names of patients that want to be tracked."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.storage.store import Store
from orchestrator.trial import TrialRun
from tests.orchestrator.cli.program import SPACE, program
from tests.orchestrator.executors.scripted import jobs_of, small
from trainables.models import build_model
from trainables.spec import Timm
from trainables.spec.files import OPTIMIZER, WEIGHTS

SECRET = "s3cr3t-of-mine"


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self._mark),)


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("by_torch", [True, False])
def test_weights_of_a_users_are_never_unpickled(tmp_path: Path, name: str, by_torch: bool) -> None:
    mark = tmp_path / "exploded"
    if by_torch:
        torch.save({"state_dict": Bomb(mark)}, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": Bomb(mark)}))
    with pytest.raises(Exception, match=r".+"):
        build_model(Timm(name="test_resnet", weights=name), classes=2, seed=0, weights_folder=tmp_path, size=32)
    assert not mark.exists()


@pytest.mark.parametrize("file", [WEIGHTS, OPTIMIZER])
def test_a_checkpoint_that_was_replaced_in_the_storage_is_never_unpickled(tmp_path: Path, file: str) -> None:
    job = jobs_of(tmp_path, [small()])[0]
    TrialRun(job).step()
    planted = Store(tmp_path).folder(f"{job.fit_key}/epoch-0001") / file
    content = pickle.dumps(Bomb(tmp_path / "exploded"))
    planted.write_bytes(content + bytes(planted.stat().st_size - len(content)))
    with pytest.raises(Exception, match=r".+"):
        TrialRun(job).step()
    assert not (tmp_path / "exploded").exists()


def contents(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_credentials_reach_neither_files_nor_logs_and_patients_no_tracking_server(tmp_path: Path) -> None:
    space, storage = tmp_path / "tiny.py", tmp_path / "runs"
    space.write_text(SPACE)
    words = ("sweep", space, "--storage", storage, "--trials", "1", "--inline", "--set", "member_seeds=0")
    away = {
        "MLFLOW_TRACKING_URI": f"http://me:{SECRET}@127.0.0.1:9",
        "MLFLOW_TRACKING_PASSWORD": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "RAY_AUTH_TOKEN": SECRET,
    }
    said = program(*words, env=away)
    assert "127.0.0.1:9" in said.err  # the server is away, which is told
    assert SECRET not in said.out + said.err
    here = {name: SECRET for name in away if name != "MLFLOW_TRACKING_URI"}
    said = program(*words, env={**here, "MLFLOW_TRACKING_URI": ""})
    assert said.code == 0, said.err
    assert SECRET.encode() not in contents(storage)
    patients = next(storage.rglob("table.json")).read_text()
    assert '"p00001"' in patients
    tracked = (storage / "mlflow.db").read_bytes() + contents(storage / "mlartifacts")
    assert b"p00001" not in tracked
    assert b"learning_rate" in tracked
