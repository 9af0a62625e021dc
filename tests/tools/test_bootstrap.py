"""The set-up says plainly what is missing, does nothing twice, and never trusts what was interrupted."""

import ast
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import bootstrap
import pytest

SOURCE = Path(bootstrap.__file__).read_text()
Usage = namedtuple("Usage", "total used free")
Version = namedtuple("Version", "major minor micro")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with an environment that was never made, and every command that the set-up runs recorded."""
    (tmp_path / "requirements.lock").write_text("torch==2.15.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    venv = tmp_path / ".venv"
    paths = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin/python"}
    paths |= {"STAMP": venv / "setup-complete", "IN_PROGRESS": venv / "setup-in-progress"}
    for name, path in paths.items():
        monkeypatch.setattr(bootstrap, name, str(path))
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: Usage(100e9, 0, 100e9))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


@pytest.fixture
def commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands run so far; making the environment leaves the files that a real one has."""
    ran: list[str] = []

    def run(failure: str, *command: str) -> None:
        ran.append(" ".join(command[1:]))
        if "venv" in command:
            shutil.rmtree(project / ".venv", ignore_errors=True)
            (project / ".venv/bin").mkdir(parents=True)
            (project / ".venv/pyvenv.cfg").write_text("version = 3.11.7")
            (project / ".venv/bin/activate").write_text(str(project / ".venv"))
            (project / ".venv/bin/python").symlink_to(sys.executable)

    monkeypatch.setattr(bootstrap, "run", run)
    monkeypatch.setattr(bootstrap, "runs", lambda *command: os.path.exists(command[0]))
    return ran


def test_an_older_python_can_read_it() -> None:
    ast.parse(SOURCE, feature_version=(3, 6))


@pytest.mark.parametrize("name", ["python3.6", "python3.8", "python3.10"])
def test_an_older_python_gets_a_message_and_no_traceback(name: str) -> None:
    older = shutil.which(name)
    if older is None or subprocess.run([older, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no {name} on this machine")
    script = "import sys; sys.path.insert(0, 'tools'); import bootstrap; bootstrap.require_python()"
    result = subprocess.run(
        [older, "-c", script], cwd=bootstrap.ROOT, env={"PATH": os.devnull}, capture_output=True, text=True, check=False
    )
    assert result.returncode == bootstrap.MACHINE_ERROR
    assert "needs Python 3.11 to 3.14" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("version", [Version(3, 9, 2), Version(3, 15, 0)])
def test_the_message_names_the_python_that_was_found(
    version: Version, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", version)
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SystemExit, match="3"):
        bootstrap.require_python()
    assert f"is {'.'.join(map(str, version))} and no other was found" in capsys.readouterr().err


def test_the_newest_python_that_starts_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (("python3.11", 0), ("python3.12", 0), ("python3.14", 127)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.find_python() == str(tmp_path / "python3.12")


def test_a_full_disk_is_told_before_anything_is_made(
    project: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: Usage(100e9, 93e9, 7e9))
    with pytest.raises(SystemExit):
        bootstrap.main()
    message = capsys.readouterr().err
    assert "needs 12 GB" in message
    assert "has 7.0 GB" in message
    assert commands == []


def test_a_missing_ensurepip_names_the_debian_package(
    project: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "runs", lambda *command: False)
    with pytest.raises(SystemExit):
        bootstrap.main()
    assert "apt install python3-venv" in capsys.readouterr().err
    assert commands == []


def test_the_second_set_up_does_nothing(project: Path, commands: list[str]) -> None:
    assert bootstrap.main() == 0
    assert len(commands) == 3, "the environment, the lock, the project"
    commands.clear()
    assert bootstrap.main() == 0
    assert commands == []


@pytest.mark.parametrize("forbidden", [False, True])
def test_bytecode_is_written_by_the_set_up_where_no_process_may(
    project: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, forbidden: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    assert bootstrap.main() == 0
    (locked,) = [command for command in commands if "requirements.lock" in command]
    assert ("--compile-bytecode" in locked) == forbidden


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_file_is_installed_without_starting_over(
    project: Path, commands: list[str], name: str
) -> None:
    bootstrap.main()
    commands.clear()
    (project / name).write_text("changed")
    bootstrap.main()
    assert any("--requirement requirements.lock" in command for command in commands)
    assert not any("--reinstall" in command or "venv --clear" in command for command in commands)


def test_an_interrupted_set_up_is_resumed_and_not_trusted(
    project: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install_project", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.main()
    assert not bootstrap.is_complete()
    commands.clear()
    bootstrap.main()
    assert any(command.endswith("--requirement requirements.lock --reinstall") for command in commands)
    assert not any("venv --clear" in command for command in commands), "what is there is kept"
    assert bootstrap.is_complete()


def test_a_moved_folder_is_set_up_anew(project: Path, commands: list[str]) -> None:
    bootstrap.main()
    commands.clear()
    (project / ".venv/bin/activate").write_text("VIRTUAL_ENV=/elsewhere/.venv")
    (project / ".venv/setup-complete").write_text("hash of another place")
    bootstrap.main()
    assert "venv --clear" in commands[0]
    assert bootstrap.is_complete()


def test_an_environment_whose_making_was_interrupted_is_made_anew(project: Path, commands: list[str]) -> None:
    bootstrap.run("", "python", "venv")
    (project / ".venv/bin/activate").unlink()  # venv writes it last
    commands.clear()
    bootstrap.main()
    assert "venv --clear" in commands[0]
    assert bootstrap.is_complete()
