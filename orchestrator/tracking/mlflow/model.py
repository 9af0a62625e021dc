"""Exported models in MLflow: models from code, registered once a key, with an alias on the best one."""

from __future__ import annotations

import importlib.metadata
import tempfile
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from orchestrator.tracking.mlflow.client import open_client, reaching
from orchestrator.tracking.mlflow.registry import aliases_of, have_model, versions_of
from orchestrator.tracking.protocol import KEY_TAG, SWEEP_TAG

REQUIRED = ("torch", "torchvision", "timm", "safetensors", "numpy", "pandas", "pillow", "pydicom", "scipy", "mlflow")
"""What a loaded model imports, pinned to what it was exported with."""
CODE = Path(__file__).with_name("model_code.py")
PACKAGE = Path(__file__).parents[3] / "trainables"
EXAMPLE = "images/chest-1.png"
LONGEST_DESCRIPTION = 5000


class AliasTaken(ValueError):
    """The alias names a version of another sweep."""


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
    with tempfile.TemporaryDirectory() as temporary:
        package = _packed(Path(temporary) / f"{PACKAGE.name}.zip")
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(CODE),
            artifacts={"exported": str(exported), "code": str(package)},
            signature=signature,
            input_example=pd.DataFrame({"path": [EXAMPLE]}),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED],
        )


def _packed(path: Path) -> Path:
    """The package without what Python has compiled, in one file: a server takes long for hundreds."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(PACKAGE.rglob("*.py")):
            packed.write(file, file.relative_to(PACKAGE.parent))
    return path


def register(
    uri: str,
    *,
    run_id: str,
    sweep: str,
    run_ids: Collection[str],
    name: str,
    key: str,
    exported: Path,
    columns: list[str],
    alias: str,
    description: str = "",
    yielding: bool = False,
) -> Registered:
    """Have a version of a registered model for a key, and let the alias name it. Called again, nothing is doubled.

    Args:
        uri: of the tracking server, which is the registry too.
        run_id: of the run of the network or ensemble, which gets the files.
        sweep: identity of the sweep.
        run_ids: of all its runs.
        name: of the registered model.
        key: of the network or ensemble.
        exported: folder of `trainables.exported`.
        columns: what a prediction tells.
        alias: moved to this version.
        description: of a new version, in Markdown; what is too long for the registry is cut.
        yielding: leave an alias alone that names a version of somebody else's.

    Raises:
        AliasTaken: the alias is somebody else's; nothing was changed.
        TrackingError: the server cannot be reached or refuses.
    """
    with reaching(uri):
        client = open_client(uri)
        have_model(client, name)
        own = versions_of(client, name, sweep, run_ids)
        holder = aliases_of(client, name).get(alias)
        if yielding and holder is not None and holder not in {each.version for each in own}:
            raise AliasTaken(
                f"The alias {alias} of the registered model {name} names version {holder}, which is not of this sweep. "
                f"`orchestrator register {name}` moves it."
            )
        known = next((each.version for each in own if each.key == key), None)
        if known is None:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) / "model"
                save_mlflow_model(exported, folder, columns)
                client.log_artifacts(run_id, str(folder), "model")
            source = f"{client.get_run(run_id).info.artifact_uri}/model"
            tags = {KEY_TAG: key, SWEEP_TAG: sweep}
            made = client.create_model_version(
                name, source=source, run_id=run_id, tags=tags, description=_cut(description)
            )
            version = str(made.version)
        else:
            version = known
        if holder != version:
            client.set_registered_model_alias(name, alias, version)
    return Registered(name=name, version=version, alias=alias, is_new=known is None)


def _cut(text: str) -> str:
    """The first lines of a text that the registry can hold."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[:LONGEST_DESCRIPTION].rsplit("\n", 1)[0]
