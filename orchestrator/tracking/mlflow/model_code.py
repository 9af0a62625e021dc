"""An exported model as MLflow loads it: code beside its files, so that nothing is pickled.

MLflow runs this file when the model is loaded; `trainables` is among its artifacts, as one file that Python imports from.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import set_model


class ExportedClassifier(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Calibrated probabilities and uncertainty for images in files."""

    def load_context(self, context: Any) -> None:
        """Read the networks."""
        sys.path.insert(0, context.artifacts["code"])
        from trainables.exported import load_exported

        self._model = load_exported(context.artifacts["exported"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row a path: `predicted`, `p/<class>`, `entropy`, and what else `trainables.predictor.Predictor.row` tells.

        An image that cannot be read has a `problem` and no numbers.
        """
        paths = [Path(each) for each in model_input["path"]]
        rows = []
        for path in paths:
            good, answers, problems = self._model.answer(path.parent, [path.name])
            told = self._model.row(answers, 0) if good and answers is not None else {}
            rows.append({"path": str(path), **told, "problem": "" if good else str(problems[0])})
        return pd.DataFrame(rows, columns=["path", *self._model.columns(), "problem"])


set_model(ExportedClassifier())
