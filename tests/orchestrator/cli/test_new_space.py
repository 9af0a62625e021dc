"""The template of a user's own space: it is written, it is what it says, and it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.program import orchestrator, refusal


def test_the_file_shows_what_it_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = orchestrator("new-space", "hips.py")
    assert said.code == 0
    assert "orchestrator sweep hips.py --dry-run" in said.out
    assert "orchestrator sweep hips.py --dry-run" in Path("hips.py").read_text()
    shown = orchestrator("sweep", "hips.py", "--dry-run", "--json")
    found = json.loads(shown.out)
    assert (found["name"], found["trials"], found["scheduler"]["kind"]) == ("hips", 8, "asha")
    assert not Path("runs").exists()


def test_a_tiny_sweep_of_it_runs(tmp_path: Path, away: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert orchestrator("new-space", "spaces/own.py", "--json").code == 0
    small = ("data/images=64", "data/size=32", "schedule/epochs=1", "member_seeds=0")
    settings = [word for each in small for word in ("--set", each)]
    said = orchestrator("sweep", "spaces/own.py", "--inline", "--quiet", "--trials", 1, *settings, "--json")
    assert said.code == 0, said
    status = json.loads(said.out)
    assert status["trials"]["completed"] == 1
    assert status["posthoc"]["done"] == status["posthoc"]["wanted"]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("mine")
    assert "--force" in refusal("new-space", file)
    assert file.read_text() == "mine"
    assert orchestrator("new-space", file, "--force").code == 0
    assert "own.txt does not end in .py" in refusal("new-space", tmp_path / "own.txt")
    assert "no name" in refusal("new-space", tmp_path / "my space.py")
