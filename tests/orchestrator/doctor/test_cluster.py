"""Ten faults planted in what nodes say, and found with node, kind and remedy. Real ones are planted in the lab."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.doctor.cluster import Answer, compare
from orchestrator.doctor.probe import Token, code_hash, identity, probe, written_token

TOKEN = Token(path="/mnt/shared/.doctor-token", content="abc")
MINE = {"python": "3.11.7", "versions": {"ray": "2.60.0", "torch": "2.15.0"}, "code": "0123"}
FACTS = {**MINE, "token": "abc", "cpus": 4, "gpus": [{"device": "cuda:0"}]}


def sound(name: str = "h2") -> Answer:
    told = {"node": name, "findings": [], "notes": [], "facts": copy.deepcopy(FACTS)}
    return Answer(node=name, told=told, resources={"CPU": 4, "GPU": 1}, asked_at=100.0, told_at=100.1, its_time=100.05)


def with_facts(**facts: Any) -> Callable[[Answer], Answer]:
    def planted(answer: Answer) -> Answer:
        assert answer.told is not None
        return replace(answer, told={**answer.told, "facts": {**answer.told["facts"], **facts}})

    return planted


def with_finding(kind: str) -> Callable[[Answer], Answer]:
    finding = {"kind": kind, "message": f"{kind} is short", "remedy": "more"}

    def planted(answer: Answer) -> Answer:
        assert answer.told is not None
        return replace(answer, told={**answer.told, "findings": [finding]})

    return planted


FAULTS: dict[str, tuple[Callable[[Answer], Answer], str, str]] = {
    "another storage": (with_facts(token=""), "storage", "another storage"),
    "a storage that cannot be written": (with_finding("storage"), "storage", "short"),
    "a full disk": (with_finding("disk"), "disk", "short"),
    "too little memory": (with_finding("memory"), "memory", "short"),
    "a clock that is behind": (lambda each: replace(each, its_time=40.0), "clock", "60 s behind"),
    "another torch": (with_facts(versions={"ray": "2.60.0", "torch": "2.9"}), "version", "torch is 2.9, and 2.15.0"),
    "another Python": (with_facts(python="3.12.1"), "version", "python is 3.12.1"),
    "other code": (with_facts(code="4567"), "code", "4567 here, 0123"),
    "a GPU that torch cannot use": (with_facts(gpus=[]), "device", "offers 1 GPUs of it, and torch can use 0"),
    "a set-up that was broken off": (
        lambda each: replace(each, told=None, error="ModuleNotFoundError: No module named 'orchestrator'"),
        "setup",
        "was not finished",
    ),
    "a node that is silent": (
        lambda each: replace(each, told=None, error="nothing within 90 s"),
        "node",
        "does not answer",
    ),
    "more CPUs promised than there are": (lambda each: replace(each, resources={"CPU": 16}), "processors", "16"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_node_alone(fault: str) -> None:
    plant, kind, told = FAULTS[fault]
    nodes = compare(MINE, TOKEN, [sound("h2"), plant(sound("h3")), sound("h4")])
    assert [node.node for node in nodes] == ["h2", "h3", "h4"]
    assert [len(node.findings) for node in nodes] == [0, 1, 0]
    (finding,) = nodes[1].findings
    assert (finding.kind, bool(finding.remedy)) == (kind, True)
    assert told in finding.message


def test_twelve_faults_at_once_are_twelve_findings() -> None:
    answers = [plant(sound(f"h{number}")) for number, (plant, _, _) in enumerate(FAULTS.values())]
    nodes = compare(MINE, TOKEN, [*answers, sound("last")])
    assert [finding.kind for node in nodes for finding in node.findings] == [kind for _, kind, _ in FAULTS.values()]


def test_a_cluster_without_workers_is_told() -> None:
    (node,) = compare(MINE, TOKEN, [])
    assert (node.findings, len(node.notes)) == ((), 1)


def test_a_probe_of_this_machine_agrees_with_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with written_token(tmp_path) as token:
        told = probe(str(tmp_path), token)
    answer = Answer(node="here", told=told, resources={}, asked_at=1.0, told_at=1.0, its_time=1.0)
    (node,) = compare({"python": told["facts"]["python"], **identity()}, token, [answer])
    assert not {finding.kind for finding in node.findings} & {"storage", "version", "code", "clock", "setup"}
    assert "token" not in node.to_plain()["facts"]
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_the_code_notices_a_changed_line_and_no_cache(tmp_path: Path) -> None:
    package = tmp_path / "trainables"
    package.mkdir()
    (package / "fit.py").write_text("epochs = 1\n")
    before = code_hash(tmp_path)
    (package / "fit.pyc").write_bytes(b"cache")
    assert code_hash(tmp_path) == before
    (package / "fit.py").write_text("epochs = 2\n")
    assert code_hash(tmp_path) != before
