"""The floors hold: who may import whom, and what must start fast."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("orchestrator", "search_spaces", "trainables")
HEAVY = ("captum", "laplace", "matplotlib", "mlflow", "pandas", "ray", "sklearn", "timm", "torch", "torchvision")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """A copy of the packages to plant forbidden imports in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_import_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("trainables/planted.py", "import ray"),
        ("trainables/planted.py", "import orchestrator"),
        ("search_spaces/planted.py", "import trainables.predictions"),
        ("orchestrator/planted.py", "import ray.tune"),
        ("orchestrator/planted.py", "from mlflow import log_metric"),
    ],
)
def test_a_planted_forbidden_import_is_found(copied_tree: Path, path: str, line: str) -> None:
    (copied_tree / path).write_text(f"{line}\n")
    result = lint_imports(copied_tree)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "planted" in result.stdout


@pytest.mark.parametrize(
    "module", ["orchestrator", "orchestrator.__main__", "search_spaces", "trainables", "trainables.spec"]
)
def test_a_light_module_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_there_and_typed(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file()
