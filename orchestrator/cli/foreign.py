"""`orchestrator evaluate --ood`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from orchestrator.cli.options import print_json
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.external.foreign import Detection

SCORES = {"entropy": "entropy", "confidence": "confidence", "mutual_information": "mutual inf."}


def run(
    storage: Storage,
    sweep: str,
    data: Path,
    *,
    on_bad_image: Literal["error", "skip"],
    every_trial: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find foreign images by the networks' doubt, and tell how well that works."""
    from orchestrator.cli.late_progress import LateProgress
    from orchestrator.external.foreign import detect

    found = detect(
        storage,
        sweep,
        data,
        on_bad_image=on_bad_image,
        every_trial=every_trial,
        on_progress=LateProgress(quiet=quiet),
    )
    if as_json:
        print_json(found.to_plain())
    else:
        _tell(found)


def _tell(found: Detection) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{found.images} foreign images in {found.folder} among {found.own_images} test images of {found.sweep}"
    )
    table.add_column("chosen on val", no_wrap=True)
    for title in SCORES.values():
        table.add_column(title, justify="right")
    for row in found.rows:
        table.add_row(row.name, *(_rates(row.metrics, score) for score in SCORES))
    Console(width=None).print(table)
    click.echo("AUROC / FPR95 by each doubt, as trained (0.5 / 0.95 is chance); after temperature scaling: --json.")
    for problem in found.left_out:
        click.echo(f"note: left out: {problem}", err=True)


def _rates(metrics: Mapping[str, float | None], score: str) -> str:
    values = [metrics.get(f"uncalibrated/ood_{rate}_{score}") for rate in ("auroc", "fpr95")]
    return " / ".join("-" if value is None else f"{value:z.3f}" for value in values) if values[0] is not None else "-"
