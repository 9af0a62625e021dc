"""The notebook runs from top to bottom, and draws its figures."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.orchestrator.tracking.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_what_it_prints(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.slow
def test_the_first_sweep_runs_and_draws_three_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # MLflow is not what the notebook is about, and a new database of it takes longer than its sweep
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "docs" / "notebooks" / "first_sweep.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ})
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) == 3
    told = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert re.search(r"\(True, [\[(][\])], \{\}\)", told), "the sweep did not end whole"
    assert "trial-0000" in told
