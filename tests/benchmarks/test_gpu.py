"""The measurements for a GPU give whole rows on the CPU, too, and need nothing of the orchestrator."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.__main__ import line
from benchmarks.measure import Size

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"name", "peer", "ratio", "goal", "spread", "repetitions", "sizes", "device", "note"}
SIZE = Size(4, 32)


@pytest.mark.slow
def test_every_row_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    measured = gpu.rows(size=SIZE, steps=2, repetitions=2, networks=("small CNN",))
    assert len(measured) >= 6
    for row in measured:
        assert set(row) == FIELDS
        assert row["ratio"] > 0
        assert row["goal"] is not None or row["note"].startswith("no goal")
        assert line(row)
    if not gpu.ON_GPU:
        assert all(row["device"].startswith("cpu") and gpu.ON_CPU in row["note"] for row in measured)
        assert gpu.ON_CPU in capsys.readouterr().err


def test_the_images_are_read_from_the_file(tmp_path: Path) -> None:
    path = gpu.write_pixels(tmp_path / "pixels.npy", SIZE, steps=3)
    images = gpu.mapped(path)
    assert type(images.pixels.array).__name__ == "memmap"
    assert len(images.part("train")) == 3 * SIZE.batch


@pytest.mark.slow
def test_processes_are_packed_on_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = gpu.write_pixels(tmp_path / "pixels.npy", SIZE, steps=2)
    row = gpu.packed("small CNN", path, SIZE, repetitions=2)
    assert set(row) == FIELDS
    assert row["goal"] is None
    assert row["repetitions"] == 2


@pytest.mark.slow
def test_a_bare_machine_can_measure() -> None:
    heavy = ("captum", "laplace", "mlflow", "optuna", "orchestrator", "pandas", "ray", "sklearn")
    code = f"import sys, benchmarks.gpu; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
