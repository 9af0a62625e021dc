"""What the pages say of a new loss, network, data set, explanation and task is enough: their code is put in, and it runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page_code import put_in, titled_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "how-to-add").glob("*.md"))
PACKAGES = ("orchestrator", "search_spaces", "trainables")
MOST_LINES = 40

SWEEP = """
import sys
from dataclasses import replace

import numpy as np
from PIL import Image

from orchestrator import api
from orchestrator.sweep import session
from orchestrator.tracking import pictures
from orchestrator.tracking.memory import MemoryTracker
from orchestrator.tracking.protocol import Artifact

session.open_tracker = lambda storage, name: MemoryTracker(name)
pictures._picture = lambda identity, draw: Artifact(identity=identity, content=bytes)
noise = np.random.default_rng(0)
import pathlib
pathlib.Path("images").mkdir()
for n in range(40):
    pixels = noise.integers(0, 255, (40, 40), dtype=np.uint8)
    pixels[:20] //= 1 + 3 * (n % 2)
    Image.fromarray(pixels).save(f"images/{'covid' if n % 2 else 'normal'}-{n:04}.png")
ended = api.run("all_new.py", data="images", inline=True)
assert ended.finished and not ended.failed_trials and not ended.failed_tasks, ended
frame = api.results("all_new")
print(frame[["metrics/test/accuracy", "metrics/feature_distance/test/distance"]].to_json())
print([name for name in frame if "gradient_times_input" in name])
"""

SPACE = """
from search_spaces.sweep import Sweep
from trainables.spec import Aopc, Evaluation, Poly, Schedule, Split, TrialSpec
from trainables.spec.feature_distance import FeatureDistance
from trainables.spec.layouts import ClassInName
from trainables.spec.models import StridedCNN


def space(trial):
    return TrialSpec(
        data=ClassInName(size=32),
        split=Split(val=0.2, calib=0.2, test=0.2),
        model=StridedCNN(widths=(8, 16), kernel=3),
        loss=Poly(epsilon=trial.suggest_float("loss/epsilon", 0.5, 2.0)),
        schedule=Schedule(epochs=1, batch_size=8),
    )


sweep = Sweep(
    name="all_new",
    space=space,
    trials=1,
    member_seeds=0,
    posthoc=(Evaluation(), Aopc(explainer="gradient_times_input", cells=4, images=4), FeatureDistance()),
)
"""


def copied(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_goes_in_and_is_short(page: Path, tmp_path: Path) -> None:
    put_in(page, copied(tmp_path))
    written = [
        line
        for language, _, text in titled_blocks(page)
        for line in text.splitlines()
        if language == "python" or line.startswith("+")
    ]
    assert len(written) < MOST_LINES, f"{page.name} has {len(written)} lines to write"


def test_all_five_together_train_and_are_computed(tmp_path: Path) -> None:
    copied(tmp_path)
    assert len(PAGES) == 5
    for page in PAGES:
        put_in(page, tmp_path)
    check = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        "--isolated",
        "--select",
        "E,F,B",
        "--ignore",
        "E501",
        ".",
    ]
    assert not subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    (tmp_path / "all_new.py").write_text(SPACE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", SWEEP]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "feature_distance" in done.stdout
    assert "gradient_times_input" in done.stdout
    assert (tmp_path / "runs").is_dir()
