"""`orchestrator submit cluster.yaml`: what is asked of Ray's own command line. The lab runs it over ssh."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.submit import command
from orchestrator.errors import MachineError


class Ray:
    """Takes the place of `ray ARGUMENTS`."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.code = 0

    def run(self, arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments[1:])
        return subprocess.CompletedProcess(arguments, self.code)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray()
    monkeypatch.setattr("orchestrator.cli.submit.subprocess.run", made.run)
    return made


@pytest.fixture
def cluster(tmp_path: Path) -> str:
    (tmp_path / "cluster.yaml").write_text("cluster_name: xray\n")
    return str(tmp_path / "cluster.yaml")


def submit(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False).exception


def test_the_head_is_asked_to_submit_to_itself(ray: Ray, cluster: str) -> None:
    assert submit(cluster, "covid", "--follow", "--data", "a b", "--trials", "3") is None
    line = "orchestrator submit http://127.0.0.1:8265 --follow covid --data 'a b' --trials 3"
    assert ray.calls == [["exec", cluster, f"cd ~/xray && {line}"]]


def test_a_space_of_one_s_own_is_sent_there_first(ray: Ray, cluster: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    assert submit(cluster, str(tmp_path / "mine.py")) is None
    assert ray.calls[0] == ["rsync-up", cluster, str(tmp_path / "mine.py"), "~/xray/mine.py"]
    assert ray.calls[1][2].endswith("submit http://127.0.0.1:8265 mine.py")


@pytest.mark.parametrize("asked", [["--jobs", "--json"], ["--logs", "covid-1"], ["--stop", "covid-1"]])
def test_other_questions_go_the_same_way(ray: Ray, cluster: str, asked: list[str]) -> None:
    assert submit(cluster, *asked) is None
    said = ray.calls[0][2].split("8265 ")[1].split()
    assert sorted(said) == sorted(asked)


def test_a_head_that_refuses_is_told_and_a_call_without_anything_to_do_too(ray: Ray, cluster: str) -> None:
    ray.code = 1
    assert isinstance(submit(cluster, "covid"), MachineError)
    assert isinstance(submit("nowhere.yaml", "covid"), ValueError)
    assert isinstance(submit(cluster), click.UsageError)
    assert isinstance(submit(cluster, "covid", "--jobs"), click.UsageError)
