"""A sweep's network or ensemble as a folder that stands by itself, with a card that says how far it can be trusted."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from orchestrator.external.calibration import calibration_remarks, stored_temperature
from orchestrator.external.chosen import Chosen, best_network, named
from orchestrator.network import StoredNetwork
from orchestrator.provenance import versions
from orchestrator.report.findings import Findings, gather
from orchestrator.report.intervals import groups_of, resamples_for, units_of
from orchestrator.report.origin import data_counts
from orchestrator.results import ResultRow
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from trainables.exported import ExportedMember, save_exported

CARD = "README.md"
SHOWN = ("accuracy", "macro_f1", "auroc", "nll", "brier", "ece")


def export(store: Store, ledger: Ledger, out: Path, *, network: str | None = None, force: bool = False) -> Chosen:
    """Write a network or an ensemble: weights as safetensors, its description, its temperature, and a model card.

    Args:
        store: with the artifacts.
        ledger: of the sweep.
        out: the folder.
        network: name or key; None for the best network on val.
        force: replace the folder if it is there.

    Raises:
        ValueError: no such network, or the folder is there.
    """
    chosen = best_network(store, ledger) if network is None else named(store, ledger, network)
    if out.exists() and not force:
        raise ValueError(f"--out {out} is there already. Give another folder, or --force to replace it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as temporary:
        folder = Path(temporary) / "model"
        _write(store, ledger, chosen, folder)
        (folder / CARD).write_text(model_card(gather(store, ledger), chosen), encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return chosen


def _write(store: Store, ledger: Ledger, chosen: Chosen, folder: Path) -> None:
    from safetensors.torch import load_file

    counts = Counter(chosen.members)
    networks = [StoredNetwork(store, key) for key in sorted(counts)]
    members = [
        (
            ExportedMember(key=each.key, spec=each.meta["spec"], size=each.size, weight=counts[each.key]),
            load_file(store.file(each.key, "weights.safetensors")),
        )
        for each in networks
    ]
    save_exported(
        folder,
        members,
        classes=networks[0].classes,
        multilabel=networks[0].multilabel,
        temperature=stored_temperature(store, chosen),
        pooled=chosen.kind == "ensemble",
        about={
            "sweep": ledger.name,
            "key": chosen.key,
            "kind": chosen.kind,
            "name": chosen.name,
            "versions": versions(),
        },
    )


def model_card(findings: Findings, chosen: Chosen) -> str:
    """What the model is, what it was measured to do, and what is not known, in Markdown."""
    row = next(each for each in findings.results if each.key == chosen.key and each.name == chosen.name)
    network = row.members[0] if row.members else row.key
    meta = findings.meta(network)
    lines = [f"# {findings.name}: {chosen.name}", ""]
    lines += [
        "A classifier of X-ray images. **Not for clinical use**: it was measured on the images named below and on no others.",
        "",
        "## What it is",
        "",
        f"- {_kind(chosen)}",
        f"- classes: {', '.join(findings.classes(network))}",
        f"- key `{chosen.key}`; git commit `{findings.definition.get('commit', '') or 'unknown'}`",
        f"- temperature {stored_temperature(findings.store, chosen):.4g}, applied to the logits",
        "",
        "## Measured reliability",
        "",
        *_measured(findings, row),
        "",
        "## Data",
        "",
        *_data(findings, meta.get("data", "")),
        "",
        "## What to know",
        "",
        *(f"- {remark}" for remark in _remarks(findings, chosen, row)),
        "",
        "## How to use it",
        "",
        "```python",
        "from trainables.exported import load_exported",
        "",
        'model = load_exported("FOLDER")',
        'good, answers, problems = model.answer(root, ["image.png"])  # probabilities: answers.log_probs.exp()',
        "```",
        "",
    ]
    return "\n".join(lines)


def _kind(chosen: Chosen) -> str:
    if chosen.kind == "ensemble":
        return f"an ensemble of {len(chosen.members)} networks, whose probabilities are averaged"
    return "a single network" + (", the best configuration under another seed" if chosen.kind == "member" else "")


def _measured(findings: Findings, row: ResultRow) -> list[str]:
    """A table of test metrics before and after temperature, with intervals where there are patients enough."""
    before, groups = _intervals(findings, row, row.key, "test")
    calibrated = (row.key, "temperature/test") if row.kind == "ensemble" else (row.results.get("temperature"), "test")
    after, _ = _intervals(findings, row, *calibrated)
    lines = ["| on test | uncalibrated | after temperature |", "| --- | --- | --- |"]
    for metric in SHOWN:
        texts = [
            _text(row.metrics.get(f"{prefix}test/{metric}"), found.get(metric))
            for prefix, found in (("", before), ("temperature/", after))
        ]
        lines.append(f"| {metric} | {texts[0]} | {texts[1]} |")
    return [*lines, "", f"In brackets 95 % intervals: a bootstrap over {groups}." if groups else "No intervals."]


def _intervals(findings: Findings, row: ResultRow, key: str | None, split: str) -> tuple[dict[str, Any], str]:
    from trainables.metrics.bootstrap import headline_intervals

    predictions = findings.predictions(key, split)
    groups = groups_of(findings, row, predictions)
    if predictions is None or groups is None:
        return {}, ""
    found = headline_intervals(predictions, groups, resamples=resamples_for(len(groups)))
    return dict(found), units_of(findings, row, groups)


def _text(value: float | None, interval: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f} ({interval.low:.3f} to {interval.high:.3f})" if interval else f"{value:.3f}"


def _data(findings: Findings, key: str) -> list[str]:
    told = [each for each in data_counts(findings) if each.key == key]
    prints = ", ".join(findings.definition.get("fingerprints", ()))
    lines = []
    for each in told:
        columns = ["class", *each.splits, "all"]
        lines += ["| " + " | ".join(columns) + " |", "| --- |" + " ---: |" * (len(columns) - 1)]
        lines += ["| " + " | ".join([name, *map(str, counts)]) + " |" for name, counts in each.rows]
        patients = f"{each.groups} patients" if each.patients_known else "patients are not known"
        lines += ["", f"{each.images} images, {patients}. Fingerprint {prints}."]
    return lines


def _remarks(findings: Findings, chosen: Chosen, row: ResultRow) -> list[str]:
    from orchestrator.report.remarks import remarks_of

    remarks = [*row.remarks, *calibration_remarks(findings.store, chosen)]
    remarks += [each.text for each in remarks_of(findings) if each.about == "data"]
    return list(dict.fromkeys(remarks)) or ["Nothing was remarked by data or tasks."]
