"""What the nodes of a cluster say, compared with each other and with the driver's machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.doctor.findings import Checked, Finding, Node
from orchestrator.doctor.probe import Token, as_node
from orchestrator.storage.address import is_bucket

CLOCK_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from a node.

    Attributes:
        node: its name.
        told: what `probe` says there; None if nothing came back.
        error: why nothing came back.
        resources: what Ray believes it has: `{"CPU": 4, "GPU": 1}`.
        asked_at, told_at, its_time: the driver's clock before and after the node was asked for its own, and what it said.
    """

    node: str
    told: Mapping[str, Any] | None = None
    error: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)
    asked_at: float = 0.0
    told_at: float = 0.0
    its_time: float = 0.0


def compare(mine: Mapping[str, Any], token: Token, answers: Sequence[Answer]) -> list[Node]:
    """The nodes with what is wrong with each, and what differs from the driver's machine.

    Args:
        mine: `versions`, `code` and `python` of the driver's machine.
        token: what the driver wrote into the storage.
        answers: one a node.
    """
    nodes = [_judged(mine, token, answer) for answer in answers]
    if not answers:
        return [Node(node="cluster", checked=(Checked(notes=(NO_WORKERS,)),))]
    return nodes


NO_WORKERS = (
    "The cluster has no node besides this one. With `ray up` workers come when a sweep asks for them; examine them while "
    "one runs."
)


def _judged(mine: Mapping[str, Any], token: Token, answer: Answer) -> Node:
    if answer.told is None:
        return Node(node=answer.node, checked=(Checked(findings=(_silent(answer),)),))
    node = as_node({**answer.told, "node": answer.node})
    facts = node.facts
    further = [
        *_storage(token, node),
        *_versions(mine, facts),
        *_clock(answer),
        *_devices(answer, facts),
    ]
    hidden = {key: value for key, value in facts.items() if key != "token"}
    checked = Checked(facts=hidden, findings=(*node.findings, *further), notes=node.notes)
    return Node(node=answer.node, checked=(checked,))


def _silent(answer: Answer) -> Finding:
    if "ModuleNotFoundError" in answer.error or "No module named" in answer.error:
        return Finding(
            kind="setup",
            message=f"{answer.node} runs Ray and lacks the program: {answer.error}. Its set-up was not finished.",
            remedy="Repeat it: `ray up cluster.yaml` runs the set-up commands again; on machines of your own, `make setup`.",
        )
    return Finding(
        kind="node",
        message=f"{answer.node} does not answer: {answer.error}.",
        remedy="See `ray status` and its logs under /tmp/ray/session_latest/logs; end the node and let a new one come.",
    )


def _storage(token: Token, node: Node) -> list[Finding]:
    seen = node.facts.get("token")
    if not token.content or seen == token.content:
        return []
    in_bucket = is_bucket(token.path)
    if in_bucket and any(finding.kind == "storage" for finding in node.findings):
        return []  # it does not reach the bucket at all, which is told
    there = "another file" if seen else "nothing"
    message = f"What the driver wrote to {token.path} is not there: this node sees {there}. It has another storage."
    remedy = "Mount the same file system under the same path on every node, or name one that all see with --storage."
    if in_bucket:
        remedy = "Give every node the same AWS_ENDPOINT_URL_S3 and credentials of the same account."
    return [Finding(kind="storage", message=message, remedy=remedy)]


def _versions(mine: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Finding]:
    findings = []
    pairs = {"python": (mine.get("python"), facts.get("python"))}
    theirs = facts.get("versions", {})
    pairs |= {name: (version, theirs.get(name)) for name, version in mine.get("versions", {}).items()}
    for name, (here, there) in pairs.items():
        if here != there:
            message = f"{name} is {there or 'missing'}, and {here} where the driver runs."
            remedy = "Install requirements.lock on every node (`make setup`, or `ray up` again)."
            findings.append(Finding(kind="version", message=message, remedy=remedy))
    if mine.get("code") != facts.get("code"):
        message = (
            f"The program's code is another one: {facts.get('code')} here, {mine.get('code')} where the driver runs."
        )
        remedy = "Send the same code to every node: `ray up cluster.yaml` does it, or check out the same commit."
        findings.append(Finding(kind="code", message=message, remedy=remedy))
    return findings


def _clock(answer: Answer) -> list[Finding]:
    """Wrong by at least so much: the node read its clock somewhere between the driver's two times."""
    ahead, behind = answer.its_time - answer.told_at, answer.asked_at - answer.its_time
    wrong = max(ahead, behind)
    if wrong <= CLOCK_SECONDS:
        return []
    which = "ahead of" if ahead > behind else "behind"
    message = f"Its clock is {wrong:,.0f} s {which} the driver's; {CLOCK_SECONDS:g} s are allowed."
    remedy = "Set the clock there (timedatectl set-ntp true); audits compare the times of epochs."
    return [Finding(kind="clock", message=message, remedy=remedy)]


def _devices(answer: Answer, facts: Mapping[str, Any]) -> list[Finding]:
    offered, usable = int(answer.resources.get("GPU", 0)), len(facts.get("gpus", []))
    findings = []
    if offered > usable:
        message = (
            f"Ray offers {offered} GPUs of it, and torch can use {usable}; trials would run on the processor there."
        )
        remedy = "Mend the driver (`nvidia-smi`), or start Ray there with the right --num-gpus."
        findings.append(Finding(kind="device", message=message, remedy=remedy))
    cpus, there = answer.resources.get("CPU", 0), facts.get("cpus", 0)
    if there and cpus > there:
        message = f"Ray offers {cpus:g} CPUs of it, and it has {there}; trials would wait for each other."
        remedy = "Start Ray there with the right --num-cpus, or without the option."
        findings.append(Finding(kind="processors", message=message, remedy=remedy))
    return findings
