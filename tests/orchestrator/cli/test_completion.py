"""What a shell is offered, through click's own completion."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from orchestrator.cli import COMMANDS, cli
from orchestrator.cli.completion import VARIABLE
from search_spaces.registry import SPACES
from tests.orchestrator.cli.program import SPACE, orchestrator, program, refusal


def offered(*words: str) -> list[str]:
    """What is offered for the last word after `orchestrator`."""
    *before, last = words
    complete = ShellComplete(cli, {}, "orchestrator", VARIABLE)
    return [item.value for item in complete.get_completions(list(before), last)]


@pytest.fixture
def two_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("covid", "demo"):
        folder = tmp_path / "runs" / "sweeps" / name
        folder.mkdir(parents=True)
        (folder / "sweep.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_commands_and_options_are_offered() -> None:
    assert set(offered("")) == set(COMMANDS)
    assert offered("swe") == ["sweep"]
    assert "--dry-run" in offered("sweep", "demo", "--d")
    assert offered("sweep", "demo", "--progress", "") == ["auto", "lines", "json"]


def test_sweeps_of_the_storage_folder_are_offered(two_sweeps: Path, tmp_path: Path) -> None:
    for command in ("results", "report", "status", "posthoc", "stop", "delete", "export", "register", "audit"):
        assert set(offered(command, "")) == {"covid", "demo"}, command
        assert offered(command, "--storage", str(tmp_path / "none"), "") == [], command
    assert offered("results", "d") == ["demo"]
    for command in ("explain", "predict", "localise"):
        assert offered(command, "d") == ["demo", "d"], "the shell adds files to the second"


def test_spaces_are_offered_beside_files() -> None:
    assert set(offered("sweep", "p2_")) - {"p2_"} == {name for name in SPACES if name.startswith("p2_")}


def test_keys_of_the_space_are_offered_with_their_choices(tmp_path: Path) -> None:
    assert {"loss=", "loss/gamma=", "schedule/epochs=", "resources/gpus="} <= set(offered("sweep", "demo", "--set", ""))
    assert offered("sweep", "demo", "--set", "backb") == ["backbone="]
    assert offered("sweep", "demo", "--set", "backbone=") == ["backbone=small_cnn", "backbone=test_resnet"]
    own = tmp_path / "own.py"
    own.write_text(SPACE)
    assert offered("sweep", str(own), "--set", "drop") == ["dropout="]
    own.write_text("def space(trial): return 1 / 0")
    assert offered("sweep", str(own), "--set", "drop") == []


def test_tasks_are_offered_one_after_the_other() -> None:
    assert "laplace_full" in offered("sweep", "demo", "--tasks", "laplace_f")
    assert "temperature,laplace_full" in offered("posthoc", "--tasks", "temperature,laplace_f")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_program(shell: str) -> None:
    said = orchestrator("completion", shell)
    assert said.code == 0
    assert VARIABLE in said.out
    assert f"{shell}_complete" in said.out


def test_an_unknown_shell_is_refused() -> None:
    assert "tcsh" in refusal("completion", "tcsh")


def test_the_program_answers_a_shell() -> None:
    said = program(env={VARIABLE: "bash_complete", "COMP_WORDS": "orchestrator doc", "COMP_CWORD": "1"})
    assert said.out.split() == ["plain,doctor"]
