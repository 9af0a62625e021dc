"""Commands that only look must answer at once: they import nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.orchestrator.cli.program import ROOT

HEAVY = ("captum", "laplace", "matplotlib", "mlflow", "optuna", "pandas", "ray", "sklearn", "timm", "torch")
LOOKS = (["--help"], ["list"], ["status"], ["sweep", "--help"])


def seconds(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - started


def test_looking_takes_under_a_third_of_the_time_of_importing_torch(finished: Path) -> None:
    looks = [" ".join(words) for words in (["--help"], ["list"], ["status", "--storage", str(finished)])]
    best = dict.fromkeys(["import torch", *looks], float("inf"))
    for _ in range(3):
        best["import torch"] = min(best["import torch"], seconds("-c", "import torch"))
        for look in looks:
            best[look] = min(best[look], seconds("-m", "orchestrator", *look.split()))
        if all(best[look] < best["import torch"] / 3 for look in looks):
            return
    raise AssertionError(f"best seconds of three: {best}")


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_looking_imports_nothing_heavy(look: list[str], finished: Path) -> None:
    words = [*look, "--storage", str(finished)] if look == ["status"] else look
    code = (
        "import sys; from orchestrator.cli import main; sys.argv = ['orchestrator', *sys.argv[1:]]\n"
        f"try: main()\nfinally: print('heavy:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "heavy:"
