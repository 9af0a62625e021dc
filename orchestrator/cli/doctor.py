"""`orchestrator doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import json_option, print_json, storage_option
from orchestrator.storage.address import Storage, absolute

if TYPE_CHECKING:
    from orchestrator.doctor import Node


@click.command("doctor")
@storage_option
@click.option("--address", help="Address of a running Ray cluster, `auto` on its head: examine every node of it.")
@json_option
def command(storage: Storage, address: str | None, as_json: bool) -> int:
    """Check whether a sweep can run here: storage, tracking, versions, devices, disk and memory.

    With --address the nodes of a cluster are examined too, and compared with this machine. Nothing is changed. Exit code 1
    if anything is found.
    """
    from orchestrator.doctor import examine

    nodes = [examine(storage)]
    if address:
        nodes += _others(absolute(storage), address, nodes[0])
    found = any(node.findings for node in nodes)
    if as_json:
        print_json({"ok": not found, "nodes": [node.to_plain() for node in nodes]})
    else:
        click.echo("\n".join([*_facts(nodes[0].facts), *(line for node in nodes for line in _findings(node))]))
    return 1 if found else 0


def _others(storage: Storage, address: str, here: Node) -> list[Node]:
    from orchestrator.doctor.cluster import compare
    from orchestrator.doctor.probe import identity, written_token
    from orchestrator.executors.ray.survey import survey

    with written_token(storage) as token:
        answers = survey(address, str(storage), token)
    return compare({"python": here.facts.get("python"), **identity()}, token, answers)


def _facts(facts: dict[str, Any]) -> list[str]:
    from orchestrator.doctor.findings import gigabytes

    gpus = [f"{gpu['device']} {gpu['name']} ({gigabytes(gpu.get('memory_bytes', 0))})" for gpu in facts.get("gpus", [])]
    told = {
        "storage": f"{facts['storage']} (written and linked in {facts['storage_seconds'] * 1000:.0f} ms)"
        if "storage" in facts
        else "",
        "disk": f"{gigabytes(facts['disk_free_bytes'])} free" if "disk_free_bytes" in facts else "",
        "tracking": facts.get("tracking", ""),
        "python": f"{facts.get('python', '')}, {len(facts.get('packages', {}))} packages",
        "processors": f"{facts.get('cpus', '?')} of {facts.get('cpus_of_machine', '?')}",
        "memory": f"{gigabytes(facts['memory_free_bytes'])} free of {gigabytes(facts['memory_bytes'])}"
        if "memory_bytes" in facts
        else "",
        "GPUs": ", ".join(gpus) or "none",
    }
    return [f"{name:<11} {text}" for name, text in told.items() if text]


def _findings(node: Node) -> list[str]:
    lines = [f"note: {note}" for note in node.notes]
    for finding in node.findings:
        lines += [f"{finding.kind}: {finding.message}", f"  remedy: {finding.remedy}"]
    count = len(node.findings)
    return [*lines, f"{node.node}: {f'{count} findings' if count > 1 else 'a finding' if count else 'all is well'}"]
