"""`orchestrator show`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import click

from orchestrator.cli.options import json_option, print_json, storage_option
from orchestrator.storage.address import Storage


@click.command("show")
@click.argument("key")
@storage_option
@json_option
def command(key: str, storage: Storage, as_json: bool) -> None:
    """Show everything about one key: an artifact (network-..., laplace-...) or a row (trial-0003) of the newest sweep.

    SWEEP/trial-0003 names a row of another sweep.
    """
    found = describe(storage, key)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_lines(found)))


def describe(storage: Storage, key: str) -> dict[str, Any]:
    """What is known about a key: its rows, and its artifact with files and metrics.

    Raises:
        ValueError: nothing has that key.
    """
    from orchestrator.storage.ledger import ledgers
    from orchestrator.storage.store import MissingArtifact, Store
    from orchestrator.trial import stored_reports

    sweep, _, name = key.rpartition("/")
    rows, store = [], Store(storage)
    for place, ledger in enumerate(ledgers(storage)):
        if sweep and ledger.name != sweep:
            continue
        for row in ledger.rows():
            by_name = row.name == name and (bool(sweep) or place == 0)
            if by_name or name in (row.key, row.fit_key):
                first = stored_reports(store, row.first_fit_key) if row.first_fit_key else []
                told = {**asdict(row), "first_reports": [asdict(report) for report in first]}
                rows.append({"sweep": ledger.name, **told})
    artifact_key = rows[0]["key"] if rows else name
    found: dict[str, Any] = {"key": artifact_key, "rows": rows}
    try:
        manifest = asdict(store.manifest(artifact_key))
        found["artifact"] = {**manifest, "folder": store.where(artifact_key)}
    except MissingArtifact:
        if not rows:
            raise ValueError(
                f"Nothing in {storage} has the key {key!r}. `orchestrator results` lists keys and names of rows."
            ) from None
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [found["key"]]
    for row in found["rows"]:
        lines.append(
            f"  {row['sweep']}/{row['kind']}-{row['number']:04d}: {row['state']}, {len(row['reports'])} epochs"
        )
        if row["reason"]:
            lines.append(f"    reason  {row['reason']}")
        if row["params"]:
            lines.append(f"    drawn   {json.dumps(row['params'])}")
        lines.append(f"    spec    {json.dumps(row['spec'])}")
        if row["first_key"]:
            lines.append(f"    first stage  {row['first_key']}, epochs in {row['first_fit_key']}")
            lines += [f"      epoch {each['epoch']}  {_metrics(each['metrics'])}" for each in row["first_reports"]]
        lines += [f"    epoch {each['epoch']}  {_metrics(each['metrics'])}" for each in row["reports"]]
    artifact = found.get("artifact")
    if artifact:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(artifact["committed_at"]))
        lines += [f"  committed {when} in {artifact['folder']}"]
        lines += [f"    {name}  {entry['bytes']:,} bytes" for name, entry in artifact["files"].items()]
        lines += [f"    {name}: {json.dumps(value)}" for name, value in artifact["meta"].items()]
    return lines


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
