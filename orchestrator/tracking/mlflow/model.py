"""Exported models in MLflow: models from code, registered once a key, with an alias on the best one."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.tracking.mlflow.client import open_client, reaching
from orchestrator.tracking.protocol import KEY_TAG

REQUIRED = ("torch", "torchvision", "timm", "safetensors", "numpy", "pandas", "pillow", "pydicom", "scipy", "mlflow")
"""What a loaded model imports, pinned to what it was exported with."""
CODE = Path(__file__).with_name("model_code.py")
PACKAGE = Path(__file__).parents[3] / "trainables"
EXAMPLE = "images/chest-1.png"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version of a registered model.

    Attributes:
        name, version, alias: as MLflow has them.
        is_new: whether it was not there before.
    """

    name: str
    version: str
    alias: str
    is_new: bool

    @property
    def uri(self) -> str:
        """What `mlflow.pyfunc.load_model` takes."""
        return f"models:/{self.name}@{self.alias}"


def save_mlflow_model(exported: Path, folder: Path, columns: list[str]) -> None:
    """Write an exported model as an MLflow model: code, files, signature, example, pinned requirements.

    Args:
        exported: folder of `trainables.exported`.
        folder: to write.
        columns: what a prediction tells, in order.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    texts = ("predicted", "problem", "path")
    outputs = [ColSpec("string" if name in texts else "double", name, required=name in texts) for name in columns]
    signature = ModelSignature(
        inputs=Schema([ColSpec("string", "path")]),
        outputs=Schema([ColSpec("string", "path"), *outputs, ColSpec("string", "problem")]),
    )
    with _package_alone() as package:
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(CODE),
            artifacts={"exported": str(exported)},
            code_paths=[str(package)],
            signature=signature,
            input_example=pd.DataFrame({"path": [EXAMPLE]}),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED],
        )


@contextmanager
def _package_alone() -> Iterator[Path]:
    """The package without what Python has compiled."""
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(temporary) / PACKAGE.name
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        yield package


def register(
    uri: str, *, run_id: str, name: str, key: str, exported: Path, columns: list[str], alias: str
) -> Registered:
    """Have a version of a registered model for a key, and let the alias name it. Called again, nothing is doubled.

    Args:
        uri: of the tracking server, which is the registry too.
        run_id: of the run of the network or ensemble, which gets the files.
        name: of the registered model.
        key: of the network or ensemble.
        exported: folder of `trainables.exported`.
        columns: what a prediction tells.
        alias: moved to this version.

    Raises:
        TrackingError: the server cannot be reached or refuses.
    """
    with reaching(uri):
        client = open_client(uri)
        _have_model(client, name)
        known = [each for each in client.search_model_versions(f"name='{name}'") if each.tags.get(KEY_TAG) == key]
        if known:
            version = min(known, key=lambda each: int(each.version)).version
        else:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) / "model"
                save_mlflow_model(exported, folder, columns)
                client.log_artifacts(run_id, str(folder), "model")
            source = f"{client.get_run(run_id).info.artifact_uri}/model"
            made = client.create_model_version(name, source=source, run_id=run_id, tags={KEY_TAG: key})
            version = made.version
        client.set_registered_model_alias(name, alias, version)
    return Registered(name=name, version=str(version), alias=alias, is_new=not known)


def _have_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
