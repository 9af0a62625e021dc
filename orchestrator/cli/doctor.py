"""`orchestrator doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import json_option, print_json, storage_option
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from orchestrator.doctor import Node


@click.command("doctor")
@storage_option
@json_option
def command(storage: Storage, as_json: bool) -> int:
    """Check whether a sweep can run here: storage, tracking, versions, devices, disk and memory.

    Nothing is changed. Exit code 1 if anything is found.
    """
    from orchestrator.doctor import examine

    node = examine(storage)
    if as_json:
        print_json({"ok": not node.findings, "nodes": [node.to_plain()]})
    else:
        click.echo("\n".join([*_facts(node.facts), *_findings(node)]))
    return 1 if node.findings else 0


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
